// The sending half of a simulated TCP connection: segments, acknowledgements, retransmission, the
// peer's window, and how much may be on its way (RFC 9293, RFC 5681, RFC 6298). Knows no socket and
// no peer: `emit` sends a segment.
import { ByteQueue } from './byte-queue.ts'
import type { Happening, Schedule } from './schedule.ts'

// Linux's bounds of the retransmission time-out (tcp(7), include/net/tcp.h); RFC 6298 has 1 s.
const LEAST_TIMEOUT_MS = 200
const LONGEST_TIMEOUT_MS = 120_000
const FIRST_TIMEOUT_MS = 1000
/** tcp_retries2 of tcp(7): how often a segment is sent again before the connection breaks. */
const MOST_RETRIES = 15
/** RFC 6928. */
const FIRST_WINDOW_SEGMENTS = 10
/** RFC 5681, 3.2. */
const DUPLICATES_BEFORE_RETRANSMIT = 3

interface Wire {
  readonly schedule: Schedule
  readonly now: () => number
  /** Sends `data`, which may be empty, from `sequence` on. */
  emit(sequence: number, data: Uint8Array, isEnd: boolean): void
  /** Nothing was acknowledged for too long. */
  giveUp(): void
}

export class TcpSender {
  readonly #wire: Wire
  readonly #segmentBytes: number
  readonly #queue: ByteQueue = new ByteQueue()
  /** The first byte that is not acknowledged, and the first that was not sent. */
  #unacknowledged = 0
  #next = 0
  #peerWindowBytes = 0
  #isEndQueued = false
  #isEndSent = false
  #isEndAcknowledged = false
  #windowBytes: number
  #threshold = Number.POSITIVE_INFINITY
  #duplicates = 0
  #recoverUntil = 0
  #timer: Happening | undefined
  #retries = 0
  #smoothMs = 0
  #variationMs = 0
  #timeoutMs = FIRST_TIMEOUT_MS
  /** Which byte's acknowledgement is timed, and since when; -1 = none. */
  #timedByte = -1
  #timedAt = 0

  constructor(wire: Wire, segmentBytes: number) {
    this.#wire = wire
    this.#segmentBytes = segmentBytes
    this.#windowBytes = FIRST_WINDOW_SEGMENTS * segmentBytes
  }

  /** Bytes that were written and not acknowledged yet. */
  get heldBytes(): number {
    return this.#queue.length
  }

  /** The number of the next byte, for segments without data. */
  get sequence(): number {
    return this.#next + (this.#isEndSent ? 1 : 0)
  }

  get isFinished(): boolean {
    return this.#isEndAcknowledged
  }

  get isEndQueued(): boolean {
    return this.#isEndQueued
  }

  /** Keeps a copy, and sends what may go now. */
  write(bytes: Uint8Array): void {
    this.#queue.push(Uint8Array.prototype.slice.call(bytes))
    this.#send()
  }

  /** Nothing more is written. */
  end(): void {
    if (this.#isEndQueued) return
    this.#isEndQueued = true
    this.#send()
  }

  /** What a segment of the peer acknowledges; whether room came of it. */
  acknowledge(byte: number, windowBytes: number, hasData: boolean): boolean {
    const hadWindow = this.#peerWindowBytes
    this.#peerWindowBytes = windowBytes
    const end = this.#next + (this.#isEndSent ? 1 : 0)
    if (byte > end) return false // of bytes that were never sent (RFC 9293, 3.10.7.4)
    const fresh = byte - this.#unacknowledged
    if (fresh <= 0) {
      if (hadWindow === 0) this.#retries = 0 // the peer answers probes
      // What did not fit is not on its way: it goes again when the window opens.
      if (hadWindow === 0 && windowBytes > 0) this.#next = this.#unacknowledged
      const isDuplicate =
        fresh === 0 && !hasData && windowBytes === hadWindow && end > this.#unacknowledged
      if (isDuplicate && ++this.#duplicates === DUPLICATES_BEFORE_RETRANSMIT) this.#onLoss()
      this.#send()
      return false
    }
    this.#duplicates = 0
    this.#retries = 0
    this.#measure(byte)
    const bytes = Math.min(fresh, this.#queue.length)
    this.#queue.drop(bytes)
    this.#unacknowledged = Math.min(byte, this.#next)
    if (this.#isEndSent && byte === end) this.#isEndAcknowledged = true
    this.#widen(bytes)
    this.#setTimer()
    // A hole of the same loss: the next one goes at once (RFC 6582).
    if (byte < this.#recoverUntil) this.#retransmit()
    this.#send()
    return bytes > 0
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#queue.clear()
  }

  #send(): void {
    const mayFly = Math.min(this.#peerWindowBytes, Math.floor(this.#windowBytes))
    for (;;) {
      const inFlight = this.#next - this.#unacknowledged
      const left = this.#queue.length - inFlight
      const length = Math.min(left, this.#segmentBytes, mayFly - inFlight)
      if (length <= 0) break
      this.#emit(this.#next, length)
      if (this.#timedByte < 0) {
        this.#timedByte = this.#next + length
        this.#timedAt = this.#wire.now()
      }
      this.#next += length
    }
    const isAllSent = this.#next - this.#unacknowledged === this.#queue.length
    if (this.#isEndQueued && !this.#isEndSent && isAllSent) {
      this.#isEndSent = true
      this.#wire.emit(this.#next, new Uint8Array(0), true)
    }
    if (this.#timer === undefined) this.#setTimer()
  }

  #emit(sequence: number, length: number): void {
    const data = new Uint8Array(length)
    this.#queue.copy(sequence - this.#unacknowledged, length, data, 0)
    this.#wire.emit(sequence, data, false)
  }

  /** While something is not acknowledged, or waits for a window that is shut. */
  #setTimer(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    const isDone = this.#queue.length === 0 && (!this.#isEndSent || this.#isEndAcknowledged)
    if (isDone) return
    this.#timer = this.#wire.schedule.add(this.#wire.now() + this.#timeoutMs, () => {
      this.#timer = undefined
      this.#onTimeout()
    })
  }

  #onTimeout(): void {
    // A window that is shut is probed for as long as the peer answers (RFC 9293, 3.8.6.1).
    const isProbe = this.#peerWindowBytes === 0
    if (++this.#retries > MOST_RETRIES) return this.#wire.giveUp()
    this.#timeoutMs = Math.min(this.#timeoutMs * 2, LONGEST_TIMEOUT_MS)
    this.#timedByte = -1 // of a segment that was sent twice nobody knows which one is answered
    if (!isProbe) {
      this.#threshold = Math.max((this.#next - this.#unacknowledged) / 2, 2 * this.#segmentBytes)
      this.#windowBytes = this.#segmentBytes
      this.#recoverUntil = this.#next
    }
    this.#retransmit()
    this.#setTimer()
  }

  /** The peer got later segments and not the first: it is lost (RFC 5681, fast retransmit). */
  #onLoss(): void {
    if (this.#unacknowledged < this.#recoverUntil) return
    this.#threshold = Math.max((this.#next - this.#unacknowledged) / 2, 2 * this.#segmentBytes)
    this.#windowBytes = this.#threshold
    this.#recoverUntil = this.#next
    this.#timedByte = -1
    this.#retransmit()
  }

  #retransmit(): void {
    const fits = Math.max(this.#peerWindowBytes, 1)
    const length = Math.min(this.#queue.length, this.#segmentBytes, fits)
    if (length > 0) this.#emit(this.#unacknowledged, length)
    else if (this.#isEndSent && !this.#isEndAcknowledged)
      this.#wire.emit(this.#next, new Uint8Array(0), true)
    this.#next = Math.max(this.#next, this.#unacknowledged + length)
  }

  /** Slow start below the threshold, one segment a round trip above (RFC 5681, 3.1). */
  #widen(bytes: number): void {
    this.#windowBytes +=
      this.#windowBytes < this.#threshold ? bytes : (this.#segmentBytes * bytes) / this.#windowBytes
  }

  /** RFC 6298, 2. */
  #measure(byte: number): void {
    if (this.#timedByte >= 0 && byte >= this.#timedByte) {
      const ms = this.#wire.now() - this.#timedAt
      this.#timedByte = -1
      if (this.#smoothMs === 0) {
        this.#smoothMs = ms
        this.#variationMs = ms / 2
      } else {
        this.#variationMs = 0.75 * this.#variationMs + 0.25 * Math.abs(this.#smoothMs - ms)
        this.#smoothMs = 0.875 * this.#smoothMs + 0.125 * ms
      }
    }
    if (this.#smoothMs > 0)
      this.#timeoutMs = Math.max(this.#smoothMs + 4 * this.#variationMs, LEAST_TIMEOUT_MS)
  }
}
