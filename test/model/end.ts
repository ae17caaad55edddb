// The model of one end of a connection: what the program has done to it, what the poller has
// reported, and so what it may report next. Refuses to know who the other end's poller is and when
// anything happens.
import type { PollEvent, Socket, TcpConnection } from 'pollport'
import { piece, Stream } from './bytes.ts'

/** A promise that was not kept. */
export class Broken extends Error {}

/** One poller as far as its connections need to know it. */
export interface Home {
  readonly highWaterMarkBytes: number
  /** Counts its waits; a batch is handled between two of them. */
  batch: number
  isHandling: boolean
  /** When the wait of this batch began. */
  waitBegan: number
  /** Milliseconds on the clock of its waits. */
  now(): number
  readonly ends: Set<End>
  /** Of the connections that are no longer its own. */
  bytesSent: number
  bytesReceived: number
}

// ENOTCONN: what end() meets when the peer's reset came first and nobody receives.
const lossCodes = /^(ECONNRESET|EPIPE|ECONNABORTED|ENOTCONN)$/

export class End {
  readonly name: string
  readonly out = new Stream()
  peer!: End
  /**
   * awaited: the other end connects, and this one is not accepted yet. gone: nothing more can come
   * of it.
   */
  state: 'awaited' | 'connecting' | 'open' | 'raw' | 'gone' = 'awaited'
  home: Home | undefined
  socket: TcpConnection<unknown> | undefined
  raw: Socket | undefined
  gaveUp: 'close' | 'reset' | undefined
  endCalled = false
  endTold = false
  /** A drain has to come. */
  overMark = false
  /**
   * How often send() has said false and no drain has come for it: one drain may be for several,
   * never for none.
   */
  falses = 0
  /** A send said that it is over. */
  broken = false
  /** Closed when nothing was under way to it: its peer must get everything, and its end. */
  leftInOrder = false
  sentToNobody = false
  /** The listener may have been closed before. */
  mayBeRefused: () => boolean = () => false
  paused = false
  /** It was closed already, as its program was about to hear, when that gave it up. */
  #wasOver = false
  #closeCalled = false
  #pausedInBatch = -1
  #idleMs = 0
  #activeInBatch = -1
  #idleSince = 0
  #bytesAtTimeout = -1
  // What the streams had when this poller got it: its own counters begin at 0.
  #givenBefore = 0
  #receivedBefore = 0

  constructor(name: string) {
    this.name = name
  }

  fail(sentence: string): never {
    throw new Broken(`${this.name}: ${sentence}`)
  }

  /** The connection is that poller's from now on. */
  moveTo(home: Home, socket: TcpConnection<unknown>, state: 'connecting' | 'open'): void {
    this.home = home
    home.ends.add(this)
    this.socket = socket
    socket.userPtr = this
    this.raw = undefined
    this.state = state
    this.paused = this.overMark = false
    this.falses = 0
    this.#idleMs = 0
    this.#pausedInBatch = -1
    this.#givenBefore = this.out.given
    this.#receivedBefore = this.peer.out.received
  }

  /** It is no longer its poller's. */
  leave(state: 'raw' | 'gone'): void {
    const { home, socket } = this
    if (home !== undefined && socket !== undefined && state !== this.state) {
      home.bytesSent += socket.bytesSent
      home.bytesReceived += socket.bytesReceived
      home.ends.delete(this)
    }
    this.home = this.socket = undefined
    this.state = state
  }

  get isLive(): boolean {
    return this.socket !== undefined && this.gaveUp === undefined
  }

  /**
   * Whether it has left its peer, by whatever means: the peer's sends may fail, and its connection
   * may break.
   */
  get isLost(): boolean {
    return (
      this.state === 'gone' ||
      this.gaveUp !== undefined ||
      (this.state === 'awaited' && this.peer.mayBeRefused())
    )
  }

  get isCaughtUp(): boolean {
    const { socket, peer } = this
    return socket !== undefined && socket.bytesReceived === peer.out.received - this.#receivedBefore
  }

  // ---- What the program does. False: there was nothing to do it to. ----

  send(size: number, form: number): boolean {
    const { socket } = this
    if (socket === undefined) return false
    const { data, expected, scribble } = piece(size, form)
    if (this.gaveUp !== undefined) return this.#mustThrow('EBADF', () => socket.send(data))
    if (this.endCalled && !socket.closed && !this.peer.isLost)
      return this.#mustThrow('EPIPE', () => socket.send(data))
    if (this.endCalled) return false
    const [before, sentBefore, began] = [
      this.#counted(socket),
      socket.bytesSent,
      (this.home as Home).now()
    ]
    const said = socket.send(data)
    scribble()
    if (this.onQueued(expected, before, said) && socket.bytesSent > sentBefore)
      this.#becomesActive(began)
    return true
  }

  /** Given to send() or broadcast(), when so many bytes had been counted before. */
  onQueued(expected: Buffer, before: number, said: boolean | undefined): boolean {
    const socket = this.socket as TcpConnection<unknown>
    const isQueued =
      this.#counted(socket) === before + expected.length &&
      !socket.closed &&
      !(expected.length === 0 && said === false)
    if (this.peer.isLost) this.sentToNobody = true
    if (!isQueued) {
      if (said === true) this.fail('send() said true and did not count the bytes')
      if (!this.peer.isLost)
        this.fail('a send found the connection broken although its peer is there')
      if (socket.bufferedBytes !== 0) this.fail('a broken connection has bytes queued')
      this.broken = true
      return false
    }
    if (this.broken) this.fail('a send was queued by a broken connection')
    this.out.give(expected)
    if (expected.length === 0) return true
    const isOver = socket.bufferedBytes > (this.home as Home).highWaterMarkBytes
    if (said !== undefined && said === isOver)
      this.fail(
        `send() said ${said} with ${socket.bufferedBytes} bytes queued; the mark is ${this.home?.highWaterMarkBytes}`
      )
    if (isOver) {
      this.overMark = true
      this.falses++
    }
    return true
  }

  pause(): boolean {
    if (!this.isLive) return false
    this.socket?.pause()
    if (!this.paused) this.#pausedInBatch = this.home?.isHandling ? this.home.batch : -1
    this.paused = true
    return true
  }

  resume(): boolean {
    if (!this.isLive) return false
    this.socket?.resume()
    this.paused = false
    return true
  }

  end(): boolean {
    if (this.socket === undefined) return false
    this.socket.end()
    this.endCalled = true
    return true
  }

  close(): boolean {
    if (this.socket === undefined) return false
    if (this.gaveUp === undefined) {
      // While it connects, close() gives up, and drops what was queued.
      if (this.state === 'connecting') this.wasCut = true
      this.leftInOrder =
        this.state === 'open' && this.peer.out.isWhole && !this.broken && !this.socket.closed
      this.gaveUp = 'close'
    }
    this.#closeCalled = true
    this.socket.close()
    return true
  }

  reset(): boolean {
    if (this.socket === undefined) return false
    if (!this.socket.closed) this.leftInOrder = false
    else if (this.gaveUp !== 'reset') this.#wasOver = true
    this.gaveUp = 'reset'
    this.socket.reset()
    return true
  }

  setIdleTimeout(ms: number): boolean {
    if (!this.isLive || this.state !== 'open') return false
    this.#becomesActive((this.home as Home).now())
    this.socket?.setIdleTimeout(ms)
    this.#idleMs = ms
    this.#bytesAtTimeout = -1
    return true
  }

  #becomesActive(since: number): void {
    this.#idleSince = since
    this.#activeInBatch = this.home?.isHandling ? this.home.batch : -1
  }

  /** Gives the handle, if the poller gives it away. */
  detach(): number | undefined {
    const { socket } = this
    if (
      socket === undefined ||
      this.state !== 'open' ||
      this.gaveUp ||
      this.endCalled ||
      this.endTold
    )
      return
    // What is in the batch already would be lost to the next owner, as documented.
    if (!this.isCaughtUp || this.broken || socket.closed) return
    let handle: number
    try {
      handle = socket.detach()
    } catch (error) {
      const { code } = error as { code?: string }
      // Its flush may find that the peer is gone: then the connection has closed, or closes with
      // that error when all is received.
      const isBroken = code === 'EBADF' || code === 'EPIPE' || code === 'ECONNRESET'
      if (code === 'EBUSY' ? socket.bufferedBytes === 0 : !isBroken || !this.peer.isLost)
        this.fail(`detach() threw ${code} with ${socket.bufferedBytes} bytes queued`)
      return
    }
    if (socket.bufferedBytes !== 0) this.fail('detach() left bytes behind')
    this.leave('raw')
    return handle
  }

  // ---- What its poller tells. ----

  on(event: PollEvent<unknown>, home: Home): void {
    if (event.type === 'wake' || event.type === 'accept') return
    // Its poller was closed in the middle of a batch that has its last events: those it may still
    // hear.
    if (this.hasClosedPoller && event.socket.closed) return
    if (event.socket !== this.socket) this.fail(`${event.type} of a socket that it no longer is`)
    if (this.gaveUp !== undefined && event.type !== 'close')
      this.fail(`${event.type} after ${this.gaveUp}()`)
    if (this.state === 'connecting' && event.type !== 'connect' && event.type !== 'close')
      this.fail(`${event.type} before connect`)
    if (event.type === 'connect') this.#onConnect()
    else if (event.type === 'receive') this.#onReceive(event.data, home)
    else if (event.type === 'end') this.#onEnd(home)
    else if (event.type === 'drain') this.#onDrain()
    else if (event.type === 'timeout') this.#onTimeout()
    else if (event.type === 'close') this.#onClose(event.error?.code)
    else this.fail(`${event.type} is no event of a connection`)
  }

  #onConnect(): void {
    if (this.state !== 'connecting') this.fail('a second connect')
    this.state = 'open'
  }

  #onReceive(data: Buffer, home: Home): void {
    if (data.length === 0) this.fail('receive without bytes')
    if (this.endTold) this.fail('receive after end')
    this.#mustNotBePaused('receive', home)
    const wrong = this.peer.out.take(data)
    if (wrong !== undefined) this.fail(`received ${wrong}`)
    this.#idleSince = home.waitBegan
  }

  #onEnd(home: Home): void {
    if (this.endTold) this.fail('a second end')
    this.#mustNotBePaused('end', home)
    this.endTold = true
    const { peer } = this
    // One that was accepted in the very batch in which its poller was closed finishes without ever
    // having been seen.
    const wasNeverSeen = peer.state === 'awaited' && peer.isLost
    if (!peer.endCalled && !peer.#closeCalled && peer.state !== 'gone' && !wasNeverSeen)
      this.fail('end, but the peer has not finished')
    if (!peer.out.isWhole && !peer.wasCut && !wasNeverSeen)
      this.fail(`end after ${peer.out.received} of ${peer.out.given} bytes`)
  }

  /** Its poller was closed, with whatever was queued; or it was closed as a raw socket. */
  wasCut = false

  hasClosedPoller = false

  // A connection that a send has found broken is received to its end, paused or not: only one
  // without a peer can be that.
  #mustNotBePaused(what: string, home: Home): void {
    if (this.paused && this.#pausedInBatch !== home.batch && !this.peer.isLost)
      this.fail(`${what} while it is paused`)
  }

  #onDrain(): void {
    if (this.falses === 0) this.fail('drain, but no send() has said false')
    this.falses--
    this.overMark = false
  }

  #onTimeout(): void {
    // In the batch already when it was set anew, or sent.
    if (this.#activeInBatch === this.home?.batch) return
    if (this.#idleMs === 0) this.fail('timeout, but none was set')
    const idleFor = (this.home as Home).now() - this.#idleSince
    if (idleFor < this.#idleMs) this.fail(`timeout after ${idleFor} of ${this.#idleMs} ms`)
  }

  /** Before a batch is handled that has a timeout: afterwards there may have been traffic again. */
  beforeTimeout(): void {
    if (this.socket === undefined) return
    const bytes = this.socket.bytesSent + this.socket.bytesReceived
    if (this.#bytesAtTimeout === bytes && !this.peer.isLost)
      this.fail('a second timeout with nothing between')
    this.#bytesAtTimeout = bytes
  }

  #onClose(code: string | undefined): void {
    const { peer, gaveUp } = this
    const wasConnecting = this.state === 'connecting'
    if (this.socket?.bufferedBytes !== 0) this.fail('closed with bytes queued')
    if (code === undefined && gaveUp === undefined && !(this.endTold && this.endCalled))
      this.fail('closed without an error, but not both have finished')
    if (
      code === 'ECANCELED'
        ? !wasConnecting || gaveUp === undefined
        : code !== undefined && !peer.isLost
    )
      this.fail(`closed with ${code} although the peer is there`)
    if (
      code !== undefined &&
      code !== 'ECANCELED' &&
      !lossCodes.test(code) &&
      !(wasConnecting && code === 'ECONNREFUSED')
    )
      this.fail(`closed with ${code}`)
    if (gaveUp === 'reset' && code !== undefined && !wasConnecting && !this.#wasOver)
      this.fail(`reset() closed with ${code}`)
    // On Windows a reset takes with it what was not received; a peer that left in order has not
    // sent one unless it was sent to.
    if (code !== undefined && gaveUp === undefined && peer.leftInOrder && !this.sentToNobody)
      this.fail(`closed with ${code}, but the peer had closed in order`)
    this.leave('gone')
  }

  // ---- Afterwards: what must have come true when everything has been waited for. ----

  /** What has still to come; undefined when nothing has. */
  missing(): string | undefined {
    const { peer, socket } = this
    if (this.state === 'connecting') return 'connect or close'
    if (socket === undefined) return
    if (this.gaveUp !== undefined) return `the close after ${this.gaveUp}()`
    if (this.broken) return 'the close of a broken connection'
    if (peer.isLost && !this.endTold) return 'end or close, since the peer has gone'
    if (!peer.isLost) {
      if (this.overMark && !this.endCalled) return 'drain'
      if (socket.bufferedBytes > 0) return `${socket.bufferedBytes} bytes are still queued`
      if (!peer.out.isWhole) return `${peer.out.given - peer.out.received} bytes have not come`
      if (peer.endCalled && !this.endTold) return 'end'
    }
    if (this.endCalled && this.endTold) return 'close, since both have finished'
    if (this.#idleMs > 0 && this.#bytesAtTimeout !== socket.bytesSent + socket.bytesReceived)
      return 'timeout'
  }

  /** Between two batches: the connection counts as the model does. */
  checkCounters(): void {
    const { socket } = this
    if (socket === undefined || this.gaveUp !== undefined) return
    if (!this.isCaughtUp)
      this.fail(
        `bytesReceived is ${socket.bytesReceived} and ${this.peer.out.received - this.#receivedBefore} came`
      )
    if (
      !this.broken &&
      !this.peer.isLost &&
      this.#counted(socket) !== this.out.given - this.#givenBefore
    )
      this.fail(
        `bytesSent and bufferedBytes are ${this.#counted(socket)} of ${this.out.given - this.#givenBefore}`
      )
  }

  #counted(socket: TcpConnection<unknown>): number {
    return socket.bytesSent + socket.bufferedBytes
  }

  counted(): number {
    return this.#counted(this.socket as TcpConnection<unknown>)
  }

  #mustThrow(code: string, call: () => unknown): boolean {
    try {
      call()
    } catch (error) {
      if ((error as { code?: string }).code === code) return true
      throw error
    }
    return this.fail(`a call did not throw ${code}`)
  }
}
