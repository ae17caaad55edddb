// One end of a simulated TCP connection (RFC 9293): handshake, both halves, FIN and RST. Knows its
// host's wire, no poller.
import { Endpoint, FIRST_OWN_MARK, type SetOptions } from './endpoint.ts'
import type { Link } from './link.ts'
import { FLAG, LinkPacket, NO_DATA, TCP_HEADER_BYTES } from './packet.ts'
import { NO_TIMER, type Schedule, type Timed } from './schedule.ts'
import { TcpReceiver } from './tcp-receiver.ts'
import {
  FIRST_WINDOW_SEGMENTS,
  MOST_WINDOW_BYTES,
  type TcpMemory,
  TcpSender
} from './tcp-sender.ts'

// tcp(7): tcp_syn_retries and tcp_synack_retries; each wait is twice the one before.
const FIRST_SYN_MS = 1000
const MOST_SYN_RETRIES = 6
const MOST_SYN_ACK_RETRIES = 5
/** How long a closed end remembers its connection: tcp(7), tcp_fin_timeout. */
const LINGERING_MS = 60_000
/** Of the send buffer, how much must be free before a full one counts as writable again. */
const WRITABLE_SHARE = 3

/** What an end needs of its host. */
export interface TcpWire {
  readonly schedule: Schedule
  readonly now: number
  send(packet: LinkPacket): void
  /** The handshake that a peer began is done. */
  onEstablished(end: TcpEndpoint): void
  /** Nothing of it is left: its ports are free. */
  onGone(end: TcpEndpoint, wasAnswering: boolean): void
}

type State = 'connecting' | 'answering' | 'open' | 'broken' | 'gone'

// Marks: see Endpoint.
/** A peer opened it, at a listener. */
const IS_ACCEPTED = FIRST_OWN_MARK
/** A send found no room: that there is some has to be reported. */
const WANTS_ROOM = FIRST_OWN_MARK << 1
const HAS_REPORTED_CONNECT = FIRST_OWN_MARK << 2
const HAS_REPORTED_END = FIRST_OWN_MARK << 3
/** The program has no use for it any more. */
const IS_RELEASED = FIRST_OWN_MARK << 4
/** This side's end came before the peer's. */
const CLOSED_FIRST = FIRST_OWN_MARK << 5

export class TcpEndpoint extends Endpoint implements TcpMemory, Timed {
  /** From this side to the peer's. */
  readonly link: Link
  readonly peerPort: number
  state: State
  /** What broke it, until it has been reported. */
  error: string | undefined
  nextByte = 0
  peerWindowBytes = 0
  congestionBytes: number
  thresholdBytes: number = MOST_WINDOW_BYTES
  roundTripUs = 0
  variationUs = 0
  // Only while there is something to do: most connections say nothing at a time.
  #sender: TcpSender | undefined
  #receiver: TcpReceiver | undefined
  #timer = NO_TIMER
  /** The number of the next byte in order, without a receiver. */
  #received = 0
  #synRetries = 0

  constructor(
    link: Link,
    handle: number,
    port: number,
    peerPort: number,
    options: SetOptions,
    isAccepted: boolean
  ) {
    super(handle, port, options)
    this.link = link
    this.peerPort = peerPort
    this.state = isAccepted ? 'answering' : 'connecting'
    this.mark(IS_ACCEPTED | HAS_REPORTED_CONNECT, isAccepted)
    this.congestionBytes = FIRST_WINDOW_SEGMENTS * this.segmentBytes
  }

  override get address(): string {
    return this.link.from
  }

  /** The peer's address. */
  get peer(): string {
    return this.link.to
  }

  get isAccepted(): boolean {
    return this.has(IS_ACCEPTED)
  }

  // ---- For the program ----

  open(): void {
    this.#sendSyn()
    this.setTimer(FIRST_SYN_MS)
  }

  /** How many of the bytes there is room for; those are copied. */
  write(bytes: Uint8Array, offset: number, length: number): number {
    const held = this.#sender === undefined ? 0 : this.#sender.heldBytes
    const count = Math.min(length, Math.max(this.sendBytes - held, 0))
    if (count > 0) {
      const sender = this.#neededSender()
      sender.write(Uint8Array.prototype.slice.call(bytes, offset, offset + count))
      if (this.state === 'open') sender.send()
    }
    if (count < length) this.mark(WANTS_ROOM, true)
    return count
  }

  get receivedBytes(): number {
    return this.#receiver === undefined ? 0 : this.#receiver.queue.length
  }

  /** Copies up to `limit` received bytes to `target`; returns how many. */
  read(target: Uint8Array, offset: number, limit: number): number {
    const receiver = this.#receiver
    if (receiver === undefined) return 0
    const { queue } = receiver
    const windowBefore = receiver.windowBytes
    const count = queue.copy(0, Math.min(limit, queue.length), target, offset)
    queue.drop(count)
    const window = receiver.windowBytes
    this.#dropReceiver()
    // The peer may wait for it: a window that was nearly shut has opened (RFC 9293, 3.8.6.2.2).
    const least = Math.min(this.link.settings.mtuBytes, this.receiveBytes / 2)
    if (windowBefore < least && window >= least) this.#acknowledge()
    return count
  }

  get hasPeerEnded(): boolean {
    return this.#receiver?.hasEnded ?? false
  }

  get canSend(): boolean {
    return (
      (this.state === 'open' || this.state === 'connecting') &&
      !(this.#sender?.isEndQueued ?? false)
    )
  }

  /** FIN, when all is sent. */
  end(): void {
    if (this.state !== 'open') return
    this.mark(CLOSED_FIRST, !this.hasPeerEnded)
    const sender = this.#neededSender()
    if (sender.isEndQueued) return
    sender.end()
    sender.send()
  }

  /** The program has no use for it any more: what was written still goes, and FIN. */
  release(): void {
    this.unwatch()
    this.mark(IS_RELEASED, true)
    this.#receiver?.queue.clear()
    if (this.state !== 'open') return this.#leave()
    this.end()
    this.#leaveWhenDone()
  }

  reset(): void {
    this.unwatch()
    if (this.state === 'open' || this.state === 'answering') this.#send(FLAG.rst | FLAG.ack)
    this.#leave()
  }

  /** Its host is gone: nothing is sent. */
  vanish(): void {
    this.unwatch()
    this.#leave()
  }

  get isReady(): boolean {
    if (!this.has(HAS_REPORTED_CONNECT)) return this.state !== 'connecting'
    if (this.wantsRoom && this.hasRoom) return true
    if (!this.isReceiving) return false
    return (
      this.receivedBytes > 0 ||
      this.error !== undefined ||
      (this.hasPeerEnded && !this.has(HAS_REPORTED_END))
    )
  }

  get wantsRoom(): boolean {
    return this.has(WANTS_ROOM)
  }

  get hasRoom(): boolean {
    const held = this.#sender === undefined ? 0 : this.#sender.heldBytes
    return held <= this.sendBytes - this.sendBytes / WRITABLE_SHARE
  }

  // ---- What is reported once: whether it is due ----

  takeConnect(): boolean {
    return this.#takeMark(HAS_REPORTED_CONNECT, true)
  }

  takeRoom(): boolean {
    return this.hasRoom && this.#takeMark(WANTS_ROOM, false)
  }

  takeEnd(): boolean {
    return this.hasPeerEnded && this.#takeMark(HAS_REPORTED_END, true)
  }

  #takeMark(mark: number, on: boolean): boolean {
    if (this.has(mark) === on) return false
    this.mark(mark, on)
    return true
  }

  // ---- For the wire ----

  receive(packet: LinkPacket): void {
    if (this.state === 'gone') return
    if ((packet.flags & FLAG.rst) !== 0) return this.#onReset()
    if ((packet.flags & FLAG.syn) !== 0) return this.#onSyn(packet)
    if (this.state === 'connecting') {
      // Of an earlier connection of these ports, whose other end must go (RFC 9293, 3.10.7.3).
      this.#send(FLAG.rst, NO_DATA, packet.acknowledged)
      return
    }
    if (this.state === 'answering') this.#establish()
    const length = packet.data.length
    // New data that nobody will read; what was acknowledged before is only a copy.
    if (this.has(IS_RELEASED) && length > 0 && packet.sequence + length > this.#acknowledgedByte)
      return this.reset()
    const hasRoom = this.#onAcknowledged(packet)
    const isEnd = (packet.flags & FLAG.fin) !== 0
    if (length > 0 || isEnd) {
      this.#receiver ??= new TcpReceiver(this.receiveBytes, this.#received)
      this.#receiver.take(packet.sequence, packet.data, isEnd)
      this.#acknowledge()
      this.#dropReceiver()
    } else if (packet.sequence < this.#acknowledgedByte) {
      this.#acknowledge() // a probe of a window that was shut
    }
    if (hasRoom || length > 0 || isEnd) this.notify()
    this.#leaveWhenDone()
  }

  onTime(isDue: boolean): void {
    this.#timer = NO_TIMER
    if (!isDue) return
    if (this.state === 'connecting' || this.state === 'answering') this.#repeatSyn()
    else if (this.#sender === undefined || this.#sender.isFinished) this.#leave()
    else this.#sender.onTimeout()
  }

  // ---- For its sender ----

  get segmentBytes(): number {
    return this.link.settings.mtuBytes - TCP_HEADER_BYTES - this.link.moreHeaderBytes
  }

  get now(): number {
    return this.link.wire.now
  }

  get isTimerOn(): boolean {
    return this.link.wire.schedule.isTimerOn(this.#timer)
  }

  setTimer(ms: number): void {
    const { schedule, now } = this.link.wire
    this.#timer = schedule.setTimer(this.#timer, now + ms, this)
  }

  stopTimer(): void {
    this.link.wire.schedule.stopTimer(this.#timer)
  }

  emit(sequence: number, data: Uint8Array, isEnd: boolean): void {
    this.#send(FLAG.ack | (isEnd ? FLAG.fin : 0), data, sequence)
  }

  giveUp(): void {
    this.#break('ETIMEDOUT')
  }

  // ---- Inside ----

  #neededSender(): TcpSender {
    this.#sender ??= new TcpSender(this)
    return this.#sender
  }

  /** What a packet says of this side's bytes; whether room came of it. */
  #onAcknowledged({ acknowledged, windowBytes, data }: LinkPacket): boolean {
    const sender = this.#sender
    if (sender === undefined) {
      this.peerWindowBytes = windowBytes
      return false
    }
    const hasRoom = sender.acknowledge(acknowledged, windowBytes, data.length > 0)
    if (sender.isIdle) this.#sender = undefined
    return hasRoom
  }

  #dropReceiver(): void {
    const receiver = this.#receiver
    if (receiver === undefined || !receiver.isIdle) return
    this.#received = receiver.acknowledged
    this.#receiver = undefined
  }

  /** What the peer is to send next. */
  get #acknowledgedByte(): number {
    return this.#receiver === undefined ? this.#received : this.#receiver.acknowledged
  }

  #onSyn(packet: LinkPacket): void {
    if (this.state === 'connecting') {
      if ((packet.flags & FLAG.ack) === 0) return
      this.peerWindowBytes = packet.windowBytes
      this.#establish()
    }
    // The answer to a second SYN-ACK was lost, or this end's own SYN-ACK.
    if (this.state === 'answering') this.#sendSyn()
    else this.#acknowledge()
  }

  #sendSyn(): void {
    this.#send(this.state === 'connecting' ? FLAG.syn : FLAG.syn | FLAG.ack)
  }

  #repeatSyn(): void {
    const most = this.state === 'connecting' ? MOST_SYN_RETRIES : MOST_SYN_ACK_RETRIES
    if (this.#synRetries === most) return this.#break('ETIMEDOUT')
    this.#synRetries++
    this.#sendSyn()
    this.setTimer(FIRST_SYN_MS * 2 ** this.#synRetries)
  }

  #establish(): void {
    this.stopTimer()
    const isAnswer = this.state === 'answering'
    this.state = 'open'
    if (isAnswer) this.link.wire.onEstablished(this)
    else this.notify()
    // What was written meanwhile.
    this.#sender?.send()
  }

  #onReset(): void {
    this.#break(this.state === 'connecting' ? 'ECONNREFUSED' : 'ECONNRESET')
  }

  #break(code: string): void {
    this.stopTimer()
    this.#sender = undefined
    if (this.has(IS_RELEASED) || this.state === 'answering') return this.#leave()
    this.state = 'broken'
    this.error = code
    this.notify()
  }

  #acknowledge(): void {
    this.#send(FLAG.ack)
  }

  #send(flags: number, data: Uint8Array = NO_DATA, sequence = this.#sequence): void {
    const receiver = this.#receiver
    this.link.wire.send(
      new LinkPacket(
        this.link,
        'tcp',
        this.port,
        this.peerPort,
        data,
        flags,
        sequence,
        receiver === undefined ? this.#received : receiver.acknowledged,
        receiver === undefined ? this.receiveBytes : receiver.windowBytes
      )
    )
  }

  get #sequence(): number {
    return this.#sender === undefined ? this.nextByte : this.#sender.sequence
  }

  /** A released end leaves when both sides have finished, or the peer takes too long. */
  #leaveWhenDone(): void {
    if (!this.has(IS_RELEASED) || !(this.#sender?.isFinished ?? false) || this.isTimerOn) return
    if (this.hasPeerEnded && !this.has(CLOSED_FIRST)) return this.#leave()
    this.setTimer(LINGERING_MS)
  }

  #leave(): void {
    if (this.state === 'gone') return
    this.stopTimer()
    this.#sender = undefined
    const wasAnswering = this.state === 'answering'
    this.state = 'gone'
    this.link.wire.onGone(this, wasAnswering)
  }
}
