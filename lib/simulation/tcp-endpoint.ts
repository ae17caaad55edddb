// One end of a simulated TCP connection (RFC 9293): handshake, both halves, FIN and RST. Knows its
// host's wire, no poller.
import type { SocketOptionName, SocketOptions } from '../raw/options.ts'
import { Endpoint } from './endpoint.ts'
import { FLAG, type Packet, TCP_HEADER_BYTES } from './packet.ts'
import type { Happening, Schedule } from './schedule.ts'
import { TcpReceiver } from './tcp-receiver.ts'
import { TcpSender } from './tcp-sender.ts'

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
  readonly now: () => number
  /** The largest packet to that peer. */
  mtuBytes(to: string): number
  send(packet: Packet): void
  /** The handshake that a peer began is done. */
  onEstablished(end: TcpEndpoint): void
  /** Nothing of it is left: its ports are free. */
  onGone(end: TcpEndpoint, wasAnswering: boolean): void
}

type State = 'connecting' | 'answering' | 'open' | 'broken' | 'gone'

export class TcpEndpoint extends Endpoint {
  readonly peer: string
  readonly peerPort: number
  /** The listener's port of an end that a peer opened. */
  readonly listenerPort: number
  state: State
  /** What broke it, until it has been reported. */
  error: string | undefined
  /** A send found no room: that there is some has to be reported. */
  wantsRoom = false
  hasReportedConnect = false
  hasReportedEnd = false
  readonly #wire: TcpWire
  readonly #sender: TcpSender
  readonly #receiver: TcpReceiver
  #timer: Happening | undefined
  #isReleased = false
  #closedFirst = false

  constructor(
    wire: TcpWire,
    handle: number,
    local: { address: string; port: number },
    peer: { address: string; port: number },
    options: Map<SocketOptionName, SocketOptions[SocketOptionName]>,
    listenerPort = -1
  ) {
    super(handle, local.address, local.port, options)
    this.#wire = wire
    this.peer = peer.address
    this.peerPort = peer.port
    this.listenerPort = listenerPort
    this.state = listenerPort < 0 ? 'connecting' : 'answering'
    this.hasReportedConnect = listenerPort >= 0
    this.#receiver = new TcpReceiver(this.receiveBytes)
    const { schedule, now } = wire
    this.#sender = new TcpSender(
      {
        schedule,
        now,
        emit: (sequence, data, isEnd) =>
          this.#emit(FLAG.ack | (isEnd ? FLAG.fin : 0), data, sequence),
        giveUp: () => this.#break('ETIMEDOUT')
      },
      wire.mtuBytes(peer.address) - TCP_HEADER_BYTES
    )
  }

  // ---- For the program ----

  open(): void {
    this.#repeat(
      () => this.#emit(this.state === 'connecting' ? FLAG.syn : FLAG.syn | FLAG.ack),
      this.state === 'connecting' ? MOST_SYN_RETRIES : MOST_SYN_ACK_RETRIES,
      FIRST_SYN_MS
    )
  }

  /** How many of the bytes there is room for; those are taken. */
  write(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, Math.max(this.sendBytes - this.#sender.heldBytes, 0))
    if (count > 0) this.#sender.write(bytes.subarray(0, count))
    if (count < bytes.length) this.wantsRoom = true
    return count
  }

  get receivedBytes(): number {
    return this.#receiver.queue.length
  }

  /** Copies up to `limit` received bytes to `target`; returns how many. */
  read(target: Uint8Array, offset: number, limit: number): number {
    const { queue } = this.#receiver
    const windowBefore = this.#receiver.windowBytes
    const count = queue.copy(0, Math.min(limit, queue.length), target, offset)
    queue.drop(count)
    // The peer may wait for it: a window that was nearly shut has opened (RFC 9293, 3.8.6.2.2).
    const least = Math.min(this.#wire.mtuBytes(this.peer), this.receiveBytes / 2)
    if (windowBefore < least && this.#receiver.windowBytes >= least) this.#acknowledge()
    return count
  }

  get hasPeerEnded(): boolean {
    return this.#receiver.hasEnded
  }

  get canSend(): boolean {
    return (this.state === 'open' || this.state === 'connecting') && !this.#sender.isEndQueued
  }

  /** FIN, when all is sent. */
  end(): void {
    this.#closedFirst = !this.#receiver.hasEnded
    if (this.state === 'open') this.#sender.end()
  }

  /** The program has no use for it any more: what was written still goes, and FIN. */
  release(): void {
    this.unwatch()
    this.#isReleased = true
    this.#receiver.queue.clear()
    if (this.state !== 'open') return this.#leave()
    if (!this.#sender.isEndQueued) this.end()
    this.#leaveWhenDone()
  }

  reset(): void {
    this.unwatch()
    if (this.state === 'open' || this.state === 'answering') this.#emit(FLAG.rst | FLAG.ack)
    this.#leave()
  }

  /** Its host is gone: nothing is sent. */
  vanish(): void {
    this.unwatch()
    this.#leave()
  }

  get isReady(): boolean {
    if (!this.hasReportedConnect) return this.state !== 'connecting'
    if (this.wantsRoom && this.hasRoom) return true
    if (!this.isReceiving) return false
    return (
      this.receivedBytes > 0 ||
      this.error !== undefined ||
      (this.#receiver.hasEnded && !this.hasReportedEnd)
    )
  }

  get hasRoom(): boolean {
    return this.#sender.heldBytes <= this.sendBytes - this.sendBytes / WRITABLE_SHARE
  }

  // ---- For the wire ----

  receive(packet: Packet): void {
    if (this.state === 'gone') return
    if ((packet.flags & FLAG.rst) !== 0) return this.#onReset()
    if ((packet.flags & FLAG.syn) !== 0) return this.#onSyn(packet)
    if (this.state === 'connecting') {
      // Of an earlier connection of these ports, whose other end must go (RFC 9293, 3.10.7.3).
      this.#emit(FLAG.rst, nothing, packet.acknowledged)
      return
    }
    if (this.state === 'answering') this.#establish()
    // New data that nobody will read; what was acknowledged before is only a copy.
    const end = packet.sequence + packet.data.length
    if (this.#isReleased && packet.data.length > 0 && end > this.#receiver.acknowledged)
      return this.reset()
    const hasRoom = this.#sender.acknowledge(
      packet.acknowledged,
      packet.windowBytes,
      packet.data.length > 0
    )
    const isEnd = (packet.flags & FLAG.fin) !== 0
    if (packet.data.length > 0 || isEnd) {
      this.#receiver.take(packet.sequence, packet.data, isEnd)
      this.#acknowledge()
    } else if (packet.sequence < this.#receiver.acknowledged) {
      this.#acknowledge() // a probe of a window that was shut
    }
    if (hasRoom || packet.data.length > 0 || isEnd) this.notify()
    this.#leaveWhenDone()
  }

  #onSyn(packet: Packet): void {
    if (this.state === 'connecting') {
      if ((packet.flags & FLAG.ack) === 0) return
      this.#establish()
      this.#sender.acknowledge(packet.acknowledged, packet.windowBytes, false)
    }
    // The answer to a second SYN-ACK was lost, or this end's own SYN-ACK.
    if (this.state === 'answering') this.#emit(FLAG.syn | FLAG.ack)
    else this.#acknowledge()
  }

  #establish(): void {
    this.#stopTimer()
    const isAnswer = this.state === 'answering'
    this.state = 'open'
    if (isAnswer) this.#wire.onEstablished(this)
    else this.notify()
  }

  #onReset(): void {
    this.#break(this.state === 'connecting' ? 'ECONNREFUSED' : 'ECONNRESET')
  }

  #break(code: string): void {
    this.#stopTimer()
    this.#sender.stop()
    if (this.#isReleased || this.state === 'answering') return this.#leave()
    this.state = 'broken'
    this.error = code
    this.notify()
  }

  #acknowledge(): void {
    this.#emit(FLAG.ack)
  }

  #emit(flags: number, data: Uint8Array = nothing, sequence = this.#sender.sequence): void {
    this.#wire.send({
      protocol: 'tcp',
      from: this.address,
      to: this.peer,
      fromPort: this.port,
      toPort: this.peerPort,
      data,
      flags,
      sequence,
      acknowledged: this.#receiver.acknowledged,
      windowBytes: this.#receiver.windowBytes
    })
  }

  #repeat(send: () => void, retries: number, waitMs: number): void {
    send()
    this.#timer = this.#wire.schedule.add(this.#wire.now() + waitMs, () => {
      if (retries === 0) this.#break('ETIMEDOUT')
      else this.#repeat(send, retries - 1, waitMs * 2)
    })
  }

  #stopTimer(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** A released end leaves when both sides have finished, or the peer takes too long. */
  #leaveWhenDone(): void {
    if (!this.#isReleased || !this.#sender.isFinished || this.#timer !== undefined) return
    if (this.#receiver.hasEnded && !this.#closedFirst) return this.#leave()
    this.#timer = this.#wire.schedule.add(this.#wire.now() + LINGERING_MS, () => this.#leave())
  }

  #leave(): void {
    if (this.state === 'gone') return
    this.#stopTimer()
    this.#sender.stop()
    const wasAnswering = this.state === 'answering'
    this.state = 'gone'
    this.#wire.onGone(this, wasAnswering)
  }
}

const nothing = new Uint8Array(0)
