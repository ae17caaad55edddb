// The sending half of a simulated TCP connection: segments, acknowledgements, retransmission, the
// peer's window, and how much may be on its way (RFC 9293, RFC 5681, RFC 6298). Knows no socket and
// no peer: `emit` sends a segment. There is one while something is not acknowledged; what a
// connection remembers without one is TcpMemory.
import { ByteQueue } from './byte-queue.ts'
import { NO_DATA } from './packet.ts'

// Linux's bounds of the retransmission time-out (tcp(7), include/net/tcp.h); RFC 6298 has 1 s.
const LEAST_TIMEOUT_MS = 200
const LONGEST_TIMEOUT_MS = 120_000
const FIRST_TIMEOUT_MS = 1000
/** tcp_retries2 of tcp(7): how often a segment is sent again before the connection breaks. */
const MOST_RETRIES = 15
/** RFC 6928. */
export const FIRST_WINDOW_SEGMENTS = 10
/** RFC 5681, 3.2. */
const DUPLICATES_BEFORE_RETRANSMIT = 3
/** No threshold yet, and the largest window: small integers cost a connection no object. */
export const MOST_WINDOW_BYTES = 2 ** 30
const US_A_MS = 1000

/**
 * What a connection knows of its way to the peer, and what a sender needs of it. All numbers are
 * integers below 2^31, as a rule, which V8 keeps in the object itself.
 */
export interface TcpMemory {
  /** The number of the first byte that was not sent. */
  nextByte: number
  peerWindowBytes: number
  /** How much may be on its way, and up to where that doubles in a round trip (RFC 5681). */
  congestionBytes: number
  thresholdBytes: number
  /** The round trip and its variation, in microseconds; 0 = not known. */
  roundTripUs: number
  variationUs: number
  readonly segmentBytes: number
  readonly now: number
  readonly isTimerOn: boolean
  setTimer(ms: number): void
  stopTimer(): void
  /** Sends `data`, which may be empty, from `sequence` on. */
  emit(sequence: number, data: Uint8Array, isEnd: boolean): void
  /** Nothing was acknowledged for too long. */
  giveUp(): void
}

export class TcpSender {
  readonly #memory: TcpMemory
  readonly #queue: ByteQueue = new ByteQueue()
  /** The first byte that is not acknowledged. */
  #unacknowledged: number
  #isEndQueued = false
  #isEndSent = false
  #isEndAcknowledged = false
  #duplicates = 0
  #recoverUntil = 0
  #retries = 0
  #timeoutMs: number
  /** Which byte's acknowledgement is timed, and since when; -1 = none. */
  #timedByte = -1
  #timedAt = 0

  constructor(memory: TcpMemory) {
    this.#memory = memory
    this.#unacknowledged = memory.nextByte
    this.#timeoutMs = timeoutOf(memory)
  }

  /** Bytes that were written and not acknowledged yet. */
  get heldBytes(): number {
    return this.#queue.length
  }

  /** The number of the next byte, for segments without data. */
  get sequence(): number {
    return this.#memory.nextByte + (this.#isEndSent ? 1 : 0)
  }

  /** The peer has acknowledged the end. */
  get isFinished(): boolean {
    return this.#isEndAcknowledged
  }

  get isEndQueued(): boolean {
    return this.#isEndQueued
  }

  /** Nothing is left to do, and there is no end. */
  get isIdle(): boolean {
    return this.#queue.length === 0 && !this.#isEndQueued
  }

  /** Keeps `bytes`, which nobody may change from now on. */
  write(bytes: Uint8Array): void {
    this.#queue.push(bytes)
  }

  /** Nothing more is written. */
  end(): void {
    this.#isEndQueued = true
  }

  /** What a segment of the peer acknowledges; whether room came of it. */
  acknowledge(byte: number, windowBytes: number, hasData: boolean): boolean {
    const memory = this.#memory
    const hadWindow = memory.peerWindowBytes
    memory.peerWindowBytes = windowBytes
    const end = this.sequence
    if (byte > end) return false // of bytes that were never sent (RFC 9293, 3.10.7.4)
    const fresh = byte - this.#unacknowledged
    if (fresh <= 0) {
      if (hadWindow === 0) this.#retries = 0 // the peer answers probes
      // What did not fit is not on its way: it goes again when the window opens.
      if (hadWindow === 0 && windowBytes > 0) memory.nextByte = this.#unacknowledged
      const isDuplicate =
        fresh === 0 && !hasData && windowBytes === hadWindow && end > this.#unacknowledged
      if (isDuplicate && ++this.#duplicates === DUPLICATES_BEFORE_RETRANSMIT) this.#onLoss()
      this.send()
      return false
    }
    this.#duplicates = 0
    this.#retries = 0
    this.#measure(byte)
    const bytes = Math.min(fresh, this.#queue.length)
    this.#queue.drop(bytes)
    this.#unacknowledged = Math.min(byte, memory.nextByte)
    if (this.#isEndSent && byte === end) this.#isEndAcknowledged = true
    this.#widen(bytes)
    this.#setTimer()
    // A hole of the same loss: the next one goes at once (RFC 6582).
    if (byte < this.#recoverUntil) this.#retransmit()
    this.send()
    return bytes > 0
  }

  /** Sends what may go now. */
  send(): void {
    const memory = this.#memory
    const mayFly = Math.min(memory.peerWindowBytes, memory.congestionBytes)
    for (;;) {
      const inFlight = memory.nextByte - this.#unacknowledged
      const left = this.#queue.length - inFlight
      const length = Math.min(left, memory.segmentBytes, mayFly - inFlight)
      if (length <= 0) break
      // A window that has room for less than a segment: wait for more, if an acknowledgement is to
      // come (RFC 9293, 3.8.6.2.1).
      if (length < Math.min(left, memory.segmentBytes) && inFlight > 0) break
      this.#emit(memory.nextByte, length)
      if (this.#timedByte < 0) {
        this.#timedByte = memory.nextByte + length
        this.#timedAt = memory.now
      }
      memory.nextByte += length
    }
    const isAllSent = memory.nextByte - this.#unacknowledged === this.#queue.length
    if (this.#isEndQueued && !this.#isEndSent && isAllSent) {
      this.#isEndSent = true
      memory.emit(memory.nextByte, NO_DATA, true)
    }
    if (!memory.isTimerOn) this.#setTimer()
  }

  onTimeout(): void {
    const memory = this.#memory
    // A window that is shut is probed for as long as the peer answers (RFC 9293, 3.8.6.1).
    const isProbe = memory.peerWindowBytes === 0
    if (++this.#retries > MOST_RETRIES) return memory.giveUp()
    this.#timeoutMs = Math.min(this.#timeoutMs * 2, LONGEST_TIMEOUT_MS)
    this.#timedByte = -1 // of a segment that was sent twice nobody knows which one is answered
    if (!isProbe) {
      this.#halveThreshold()
      memory.congestionBytes = memory.segmentBytes
    }
    this.#retransmit()
    this.#setTimer()
  }

  #emit(sequence: number, length: number): void {
    const data = this.#queue.slice(sequence - this.#unacknowledged, length)
    this.#memory.emit(sequence, data, false)
  }

  /** While something is not acknowledged, or waits for a window that is shut. */
  #setTimer(): void {
    const isDone = this.#queue.length === 0 && (!this.#isEndSent || this.#isEndAcknowledged)
    if (isDone) this.#memory.stopTimer()
    else this.#memory.setTimer(this.#timeoutMs)
  }

  /** The peer got later segments and not the first: it is lost (RFC 5681, fast retransmit). */
  #onLoss(): void {
    if (this.#unacknowledged < this.#recoverUntil) return
    this.#halveThreshold()
    this.#memory.congestionBytes = this.#memory.thresholdBytes
    this.#timedByte = -1
    this.#retransmit()
  }

  #halveThreshold(): void {
    const memory = this.#memory
    const inFlight = memory.nextByte - this.#unacknowledged
    memory.thresholdBytes = Math.max(inFlight >> 1, 2 * memory.segmentBytes)
    this.#recoverUntil = memory.nextByte
  }

  #retransmit(): void {
    const memory = this.#memory
    const fits = Math.max(memory.peerWindowBytes, 1)
    const length = Math.min(this.#queue.length, memory.segmentBytes, fits)
    if (length > 0) this.#emit(this.#unacknowledged, length)
    else if (this.#isEndSent && !this.#isEndAcknowledged)
      memory.emit(memory.nextByte, NO_DATA, true)
    memory.nextByte = Math.max(memory.nextByte, this.#unacknowledged + length)
  }

  /** Slow start below the threshold, one segment a round trip above (RFC 5681, 3.1). */
  #widen(bytes: number): void {
    const memory = this.#memory
    const { congestionBytes, thresholdBytes, segmentBytes } = memory
    const more =
      congestionBytes < thresholdBytes ? bytes : Math.ceil((segmentBytes * bytes) / congestionBytes)
    memory.congestionBytes = Math.min(congestionBytes + more, MOST_WINDOW_BYTES)
  }

  /** RFC 6298, 2. */
  #measure(byte: number): void {
    const memory = this.#memory
    if (this.#timedByte >= 0 && byte >= this.#timedByte) {
      this.#timedByte = -1
      const us = Math.min(Math.ceil((memory.now - this.#timedAt) * US_A_MS), MOST_WINDOW_BYTES)
      if (memory.roundTripUs === 0) {
        memory.roundTripUs = us
        memory.variationUs = us >> 1
      } else {
        const difference = Math.abs(memory.roundTripUs - us)
        memory.variationUs = Math.round(0.75 * memory.variationUs + 0.25 * difference)
        memory.roundTripUs = Math.round(0.875 * memory.roundTripUs + 0.125 * us)
      }
    }
    // What was sent twice is acknowledged: the next time-out is no doubled one any more.
    if (memory.roundTripUs > 0) this.#timeoutMs = timeoutOf(memory)
  }
}

function timeoutOf({ roundTripUs, variationUs }: TcpMemory): number {
  if (roundTripUs === 0) return FIRST_TIMEOUT_MS
  return Math.max((roundTripUs + 4 * variationUs) / US_A_MS, LEAST_TIMEOUT_MS)
}
