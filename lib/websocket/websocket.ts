// One WebSocket: its state from open to closed, what it sends, and the closing handshake (RFC 6455,
// 7). The same on both sides, and whatever carries it. Refuses to know how it was opened.
import type { SocketAddress } from '../address.ts'
import { namedSocketError } from '../errors.ts'
import { TcpConnection } from '../poller/tcp-connection.ts'
import { bytes as toBytes, uint8Array } from '../validate.ts'
import { ABNORMAL, isCloseCode, NO_CODE } from './close-codes.ts'
import type { WebSocketDecoder } from './decoder.ts'
import type { MessageOptions, WebSocketEncoder } from './encoder.ts'
import type { Endpoint } from './endpoint.ts'
import { FIN, OPCODE } from './frame.ts'
import type { Link } from './link.ts'
import type { Topics } from './topics.ts'
import { WebSocketError } from './websocket-error.ts'

// The state, as bits of one small number.
const CONNECTING = 1
/** Our close frame is out: nothing is sent after it. */
const CLOSE_SENT = 2
/** The peer's close frame is in: nothing is received after it. */
const CLOSE_RECEIVED = 4
/** It failed: what still comes is ignored. */
const FAILED = 8
const CLOSED = 16
/** send() has returned false. */
const OVER_MARK = 32
/** A ping has gone out in this silence. */
const PINGED = 64

const TEXT = FIN | OPCODE.text
const BINARY = FIN | OPCODE.binary

/** IANA's registry: the peer does not keep up. */
const TRY_AGAIN_LATER = 1013

/** What few WebSockets have, or only at their end. */
interface Extras {
  code: number
  reason: string
  error: Error | undefined
  topics: Set<string> | undefined
  /** The ping to answer when the queue has drained: the last one only (5.5.3). */
  owedPong: Buffer | undefined
}

/**
 * A WebSocket, of a server or of a client. `U` is the type of its `userPtr`.
 *
 * Its methods never throw because of the peer: on one that is closing or closed, `send()` and
 * `publish()` send nothing, and say so.
 * @example
 * ```ts
 * import { Poller } from 'pollport'
 * import { connectWebSocket, WebSocketServer } from 'pollport/websocket'
 *
 * const poller = new Poller()
 * const server = new WebSocketServer(poller, {
 *   address: '127.0.0.1',
 *   port: 0,
 *   onOpen: (socket) => {
 *     socket.subscribe('news')
 *     server.publish('news', 'somebody has joined')
 *   }
 * })
 * connectWebSocket(poller, {
 *   address: '127.0.0.1',
 *   port: server.localAddress.port,
 *   onMessage: (socket, data) => {
 *     console.log(socket.text(data)) // somebody has joined
 *     socket.close(1000, 'bye')
 *   },
 *   onClose: () => poller.close()
 * })
 * await poller.run(() => {})
 * ```
 */
export class WebSocket<U = unknown> {
  /** `readyState` before `onOpen`. */
  static readonly CONNECTING = 0
  /** `readyState` from `onOpen` on: it may be sent to. */
  static readonly OPEN = 1
  /** `readyState` once one side has begun to close. */
  static readonly CLOSING = 2
  /** `readyState` from `onClose` on. */
  static readonly CLOSED = 3

  /** Whatever the program wants to find again in each handler. */
  userPtr: U
  readonly #endpoint: Endpoint<U>
  readonly #topics: Topics<U> | undefined
  #link: Link
  /** While it decodes, or has a part of a message; otherwise it has none. */
  #decoder: WebSocketDecoder | undefined
  #encoder: WebSocketEncoder
  #protocol = ''
  #state: number = CONNECTING
  /** The round when something came last; once it closes, when that began. */
  #round: number
  #extras: Extras | undefined

  /** @internal Opens with {@link _open}. */
  constructor(endpoint: Endpoint<U>, link: Link, userPtr: U, topics: Topics<U> | undefined) {
    this.#endpoint = endpoint
    this.#topics = topics
    this.#link = link
    this.userPtr = userPtr
    this.#encoder = endpoint.encoderFor(0)
    this.#round = endpoint.rounds.now
  }

  /**
   * The connection below, for its addresses, counters and options. Its `userPtr` is taken. Do not
   * send to it or close it: over TLS it carries what TLS makes of the frames. Undefined if the
   * WebSocket came over another stream than one of this library.
   */
  get connection(): TcpConnection<unknown> | undefined {
    const link = this.#link as Link & { connection?: TcpConnection<unknown> }
    return link instanceof TcpConnection ? link : link.connection
  }

  /** The peer's end point; it stays known after the close. Behind a proxy it is the proxy's. */
  get remoteAddress(): SocketAddress | undefined {
    return this.#link.remoteAddress
  }

  /** The subprotocol that both sides agreed on; `''` for none. */
  get protocol(): string {
    return this.#protocol
  }

  /** Whether both sides have agreed on permessage-deflate. */
  get isCompressing(): boolean {
    return this.#encoder.canCompress
  }

  /** Bytes that were sent and that the system has not taken yet. */
  get bufferedBytes(): number {
    return this.#link.bufferedBytes
  }

  /** `WebSocket.CONNECTING` (0), `OPEN` (1), `CLOSING` (2) or `CLOSED` (3), as in a browser. */
  get readyState(): 0 | 1 | 2 | 3 {
    const state = this.#state
    if ((state & CLOSED) !== 0) return WebSocket.CLOSED
    if ((state & (CLOSE_SENT | CLOSE_RECEIVED | FAILED)) !== 0) return WebSocket.CLOSING
    return (state & CONNECTING) !== 0 ? WebSocket.CONNECTING : WebSocket.OPEN
  }

  /** Makes a string of what `onMessage` got as text: checked UTF-8. */
  text(data: Buffer): string {
    return data.toString()
  }

  /**
   * Sends a message: a string as text, bytes as a binary message unless `isText` says otherwise.
   * The bytes are copied. They leave with the next `wait()`, or in the same turn of `run()`,
   * together with whatever else is sent.
   * @param options `isText`; `compress`: by default messages from `thresholdBytes` on are
   *   compressed if the peer has agreed to it
   * @returns false if more than `highWaterMarkBytes` are queued now: nothing is lost, `onDrain`
   *   follows. Also false, with nothing sent, when it is closing or closed. If more than
   *   `maxBufferedBytes` are queued already, the connection is terminated: 1013.
   * @throws TypeError for anything but bytes or a string; SocketError `ENOTCONN` before `onOpen`
   */
  send(data: Uint8Array | string, options?: MessageOptions): boolean {
    if (!this.#maySend('send')) return false
    if (this.#encoder.canCompress) return this.#sendFrame(this._encode(data, options))
    const isString = typeof data === 'string'
    const isText = options?.isText ?? isString
    const length = isString ? Buffer.byteLength(data) : uint8Array(data, 'data').length
    if (!this.#keepsUp()) return false
    const { sender } = this.#endpoint
    return this.#afterSend(
      sender.send(this.#link, this.#encoder, isText ? TEXT : BINARY, data, length)
    )
  }

  /**
   * Asks for `onDrain`, also when `send()` has not returned false: it comes when everything that
   * was sent until then has been handed to the system. Does nothing when it is closing or closed.
   * @throws SocketError `ENOTCONN` before `onOpen`
   */
  requestDrain(): void {
    if (!this.#maySend('requestDrain')) return
    this.#state |= OVER_MARK
    this.#link.requestDrain()
  }

  /**
   * Sends a ping; `onPong` gets the answer.
   * @returns as `send()`
   * @throws RangeError for more than 125 bytes; SocketError `ENOTCONN` before `onOpen`
   */
  ping(data?: Uint8Array | string): boolean {
    if (!this.#maySend('ping')) return false
    return this.#sendFrame(this.#encoder.ping(data))
  }

  /**
   * Begins to close: what was sent before leaves, then a close frame; the peer answers with its
   * own, and `onClose` follows. A peer that does not answer is reset after `closeTimeoutMs`.
   * Messages that it sent before still come. Closing twice is harmless.
   * @param code 1000 (the default) to 1014 without 1004 to 1006, or 3000 to 4999; 1005 for a
   *   close frame without a code
   * @param reason at most 123 bytes of UTF-8
   * @throws RangeError for other codes and longer reasons
   */
  close(code = 1000, reason = ''): void {
    const frame = this.#encoder.close(code, reason)
    if ((this.#state & CONNECTING) !== 0) return this.terminate()
    if ((this.#state & (CLOSE_SENT | FAILED | CLOSED)) !== 0 || this.#link.closed) return
    this.#state |= CLOSE_SENT
    this.#round = this.#endpoint.rounds.now
    this.#link.send(frame)
  }

  /** Closes at once, without a close frame: what is queued is dropped. `onClose` says 1006. */
  terminate(): void {
    if ((this.#state & CLOSED) !== 0) return
    this.#state |= FAILED
    this.#decoder?.stop()
    this.#link.reset()
  }

  /** The same as `close()`: for `using`, which does not wait for the end. */
  [Symbol.dispose](): void {
    this.close()
  }

  /**
   * From now on it gets what is published on the topic.
   * @throws SocketError `ENOTSUP` of a client's
   */
  subscribe(topic: string): void {
    const topics = this.#getTopics('subscribe')
    if (this.readyState !== WebSocket.OPEN) return
    const extras = this.#getExtras()
    extras.topics ??= new Set()
    extras.topics.add(topic)
    topics.add(topic, this)
  }

  /** Ends a `subscribe()`. */
  unsubscribe(topic: string): void {
    if (this.#extras?.topics?.delete(topic)) this.#topics?.delete(topic, this)
  }

  /** Whether it gets what is published on the topic. */
  isSubscribed(topic: string): boolean {
    return this.#extras?.topics?.has(topic) ?? false
  }

  /**
   * Sends a message to all subscribers of the topic but itself.
   * @returns as the server's `publish()`; 0, with nothing sent, when it is closing or closed: in
   *   `onClose` use the server's
   * @throws TypeError as `send()`; SocketError `ENOTSUP` of a client's
   */
  publish(topic: string, data: Uint8Array | string, options?: MessageOptions): number {
    const topics = this.#getTopics('publish')
    return this.#maySend('publish') ? topics.publish(topic, data, options, this) : 0
  }

  // ---- For the handshakes, topics.ts and the receiver ----

  /** @internal The handshake is done. `windowBits` is 0 without compression. */
  _open(protocol: string, windowBits: number): void {
    const endpoint = this.#endpoint
    this.#protocol = protocol
    this.#encoder = endpoint.encoderFor(windowBits)
    this.#state &= ~CONNECTING
    this.#round = endpoint.rounds.now
    endpoint.sockets++
    endpoint.watch(this)
    try {
      endpoint.handlers.onOpen?.(this)
    } catch (error) {
      endpoint.onThrown(error)
    }
  }

  /** @internal The client's handshake failed. */
  _failOpening(error: Error): void {
    this.#failWith(ABNORMAL, error)
  }

  /** @internal A message as a frame for this peer. */
  _encode(data: Uint8Array | string, options: MessageOptions | undefined): Buffer {
    const { compression } = this.#endpoint
    if (compression === undefined || !this.#encoder.canCompress)
      return this.#encoder.encode(data, options && { isText: options.isText })
    const isText = options?.isText ?? typeof data === 'string'
    const bytes = toBytes(data, 'data')
    const compress = options?.compress ?? bytes.length >= compression.thresholdBytes
    return this.#encoder.encode(bytes, { isText, compress })
  }

  /** @internal Whether what is published reaches it; if it does not keep up, that is dealt with. */
  _takesPublished(closesSlow: boolean): boolean {
    if (this.readyState !== WebSocket.OPEN || this.#link.closed) return false
    if (this.#link.bufferedBytes <= this.#endpoint.highWaterMarkBytes) return true
    if (closesSlow) this.#failWith(TRY_AGAIN_LATER, slowPeer())
    return false
  }

  /** @internal */
  get _link(): Link {
    return this.#link
  }

  /** @internal What kind of frames it gets: those of the same number are the same. */
  get _encoder(): WebSocketEncoder {
    return this.#encoder
  }

  /** @internal */
  _onMessage(data: Buffer, isText: boolean): void {
    const { handlers } = this.#endpoint
    try {
      handlers.onMessage?.(this, data, isText)
    } catch (error) {
      this.#endpoint.onThrown(error)
    }
  }

  /** @internal */
  _onPing(data: Buffer): void {
    if ((this.#state & (CLOSE_SENT | FAILED | CLOSED)) !== 0) return
    this.#answerPing(data)
    try {
      this.#endpoint.handlers.onPing?.(this, data)
    } catch (error) {
      this.#endpoint.onThrown(error)
    }
  }

  /** @internal */
  _onPong(data: Buffer): void {
    try {
      this.#endpoint.handlers.onPong?.(this, data)
    } catch (error) {
      this.#endpoint.onThrown(error)
    }
  }

  /** @internal */
  _onCloseFrame(code: number, reason: string): void {
    const extras = this.#getExtras()
    extras.code = code
    extras.reason = reason
    this.#state |= CLOSE_RECEIVED
    this.#round = this.#endpoint.rounds.now
    if ((this.#state & CLOSE_SENT) === 0) {
      this.#state |= CLOSE_SENT
      this.#link.send(this.#encoder.close(isCloseCode(code) ? code : NO_CODE))
    }
    // 7.1.1: the server closes the connection first.
    if (this.#endpoint.role === 'server') this.#link.end()
  }

  // ---- From the link ----

  /** @internal */
  _onConnect(): void {}

  /** @internal */
  _onReceive(data: Buffer): void {
    if ((this.#state & (CLOSE_RECEIVED | FAILED | CLOSED)) !== 0) return
    if ((this.#state & CLOSE_SENT) === 0) {
      this.#round = this.#endpoint.rounds.now
      this.#state &= ~PINGED
    }
    const { receiver, decoders } = this.#endpoint
    const hasDeflate = this.#encoder.canCompress
    const decoder = this.#decoder ?? decoders.take(hasDeflate)
    this.#decoder = decoder
    try {
      receiver.receive(this, decoder, data)
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error
      this.#failWith(error.closeCode, error)
    }
    if (!decoder._isBetweenMessages) return
    this.#decoder = undefined
    decoders.giveBack(decoder, hasDeflate)
  }

  /** @internal */
  _onDrain(): void {
    if ((this.#state & OVER_MARK) === 0) return
    this.#state &= ~OVER_MARK
    const owed = this.#extras?.owedPong
    if (owed !== undefined) {
      this.#getExtras().owedPong = undefined
      this.#answerPing(owed)
    }
    if (this.readyState !== WebSocket.OPEN) return
    try {
      this.#endpoint.handlers.onDrain?.(this)
    } catch (error) {
      this.#endpoint.onThrown(error)
    }
  }

  /** @internal The peer has finished: in order after both close frames, too early otherwise. */
  _onEnd(): void {
    this.#decoder?.stop()
    this.#state |= FAILED
    this.#link.end()
    // What is queued still leaves; a peer that does not take it is no reason to wait for ever.
    this.#round = this.#endpoint.rounds.now
    this.#state |= CLOSE_SENT
  }

  /** @internal */
  _onClosed(error: Error | undefined): void {
    if ((this.#state & CLOSED) !== 0) return
    const wasOpen = (this.#state & CONNECTING) === 0
    this.#state |= CLOSED
    this.#decoder?.stop()
    if (wasOpen) {
      this.#endpoint.sockets--
      this.#endpoint.unwatch(this)
    }
    for (const topic of this.#extras?.topics ?? []) this.#topics?.delete(topic, this)
    const { code = ABNORMAL, reason = '', error: own } = this.#extras ?? {}
    // After both close frames it does not matter how the connection went.
    const cause = own ?? ((this.#state & CLOSE_RECEIVED) !== 0 ? undefined : error)
    try {
      this.#endpoint.handlers.onClose?.(this, code, reason, cause)
    } catch (thrown) {
      this.#endpoint.onThrown(thrown)
    }
  }

  // ---- Time ----

  /** @internal */
  _onRound(): void {
    const { rounds, idleRounds, pingRounds, closeRounds } = this.#endpoint
    const silence = rounds.now - this.#round
    if ((this.#state & (CLOSE_SENT | FAILED)) !== 0) {
      if (silence >= closeRounds) this.terminate()
      return
    }
    if (idleRounds > 0 && silence >= idleRounds) {
      this.#failWith(
        ABNORMAL,
        namedSocketError('ETIMEDOUT', 'recv', 'nothing came for idleTimeoutMs')
      )
      return
    }
    if (pingRounds > 0 && silence >= pingRounds && (this.#state & PINGED) === 0) {
      this.#state |= PINGED
      this.ping()
    }
  }

  /** @internal */
  _shutDown(code: number): void {
    this.close(code)
  }

  // ---- Inside ----

  #getTopics(call: string): Topics<U> {
    if (this.#topics === undefined)
      throw namedSocketError('ENOTSUP', call, 'topics belong to servers')
    return this.#topics
  }

  #maySend(call: string): boolean {
    // Closed, and its own onClose has not come yet: with its poller, of which others hear first.
    if ((this.#state & (CONNECTING | CLOSE_SENT | FAILED | CLOSED)) === 0) return !this.#link.closed
    if ((this.#state & (CONNECTING | CLOSED)) === CONNECTING)
      throw namedSocketError('ENOTCONN', call, 'the handshake is not done: wait for onOpen')
    return false
  }

  #answerPing(data: Buffer): void {
    if ((this.#state & (CLOSE_SENT | FAILED | CLOSED)) !== 0) return
    // A peer that pings and does not read gets one answer when it does.
    if ((this.#state & OVER_MARK) !== 0) this.#getExtras().owedPong = Buffer.from(data)
    else this.#sendFrame(this.#encoder.pong(data))
  }

  #sendFrame(frame: Buffer): boolean {
    return this.#keepsUp() && this.#afterSend(this.#link.send(frame))
  }

  /** Whether the peer takes what it is sent; one that does not is given up. */
  #keepsUp(): boolean {
    if ((this.#state & OVER_MARK) === 0) return true
    if (this.#link.bufferedBytes <= this.#endpoint.maxBufferedBytes) return true
    this.#failWith(TRY_AGAIN_LATER, slowPeer())
    return false
  }

  /** `isTaken` is what the link's `send()` said, by a mark of its own. That does not count here. */
  #afterSend(isTaken: boolean): boolean {
    const { bufferedBytes } = this.#link
    // Not taken, and nothing queued: broken in this very batch, its close follows.
    if (bufferedBytes <= this.#endpoint.highWaterMarkBytes) return isTaken || bufferedBytes > 0
    this.#state |= OVER_MARK
    this.#link.requestDrain()
    return false
  }

  /** This side gives up: says why to a peer that may hear it, and to the program. */
  #failWith(code: number, error: Error): void {
    if ((this.#state & (FAILED | CLOSED)) !== 0) return
    const extras = this.#getExtras()
    extras.code = code
    extras.error = error
    this.#decoder?.stop()
    this.#round = this.#endpoint.rounds.now
    const maySay = (this.#state & CLOSE_SENT) === 0 && code !== ABNORMAL && code !== TRY_AGAIN_LATER
    this.#state |= FAILED | CLOSE_SENT
    // One that does not read, or is not there, hears nothing.
    if (!maySay) return this.#link.reset()
    this.#link.send(this.#encoder.close(code))
    this.#link.end()
  }

  #getExtras(): Extras {
    this.#extras ??= {
      code: ABNORMAL,
      reason: '',
      error: undefined,
      topics: undefined,
      owedPong: undefined
    }
    return this.#extras
  }
}

function slowPeer(): Error {
  return namedSocketError('ENOBUFS', 'send', 'the peer does not keep up: over maxBufferedBytes')
}
