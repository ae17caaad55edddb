// What all WebSockets of a server share, or the one of a client has: handlers, limits, the codec's
// settings, and the clock by which silence is counted. Refuses to know how a connection came.
import { throwLater } from '../turns.ts'
import { callback, integer, number, object } from '../validate.ts'
import { EncoderSettings, type WebSocketRole } from './codec-options.ts'
import { type Compression, checkCompression } from './compression.ts'
import { DecoderPool } from './decoder-pool.ts'
import { WebSocketEncoder } from './encoder.ts'
import { FrameSender } from './frame-sender.ts'
import { HANDLER_NAMES, type WebSocketHandlers, type WebSocketLimits } from './handlers.ts'
import { Receiver } from './receiver.ts'
import { Rounds, type RoundsTimer } from './rounds.ts'

const DEFAULT_HIGH_WATER_MARK_BYTES = 1024 * 1024
const DEFAULT_MAX_HANDSHAKE_BYTES = 16 * 1024
const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000
const DEFAULT_IDLE_TIMEOUT_MS = 120_000
const DEFAULT_PING_INTERVAL_MS = 30_000
const DEFAULT_CLOSE_TIMEOUT_MS = 5_000
const MOST_MS = 2 ** 31 - 1
const MOST_BYTES = 2 ** 40

const HANDLERS = [...Object.keys(HANDLER_NAMES), 'onError']

/** What has time-outs. */
export interface Watched {
  _onRound(): void
  /** The endpoint closes. */
  _shutDown(code: number): void
}

export class Endpoint<U> {
  readonly role: WebSocketRole
  readonly handlers: WebSocketHandlers<U>
  readonly highWaterMarkBytes: number
  readonly maxBufferedBytes: number
  readonly maxHandshakeBytes: number
  readonly compression: Compression | undefined
  readonly receiver: Receiver<U> = new Receiver()
  readonly decoders: DecoderPool
  readonly sender: FrameSender = new FrameSender()
  /** How many WebSockets are open or closing. */
  sockets = 0
  /** They, and the handshakes that are under way. */
  readonly watched: Set<Watched> = new Set()
  readonly rounds: Rounds
  /** In rounds; 0 = never. */
  readonly handshakeTimeoutMs: number
  readonly handshakeRounds: number
  readonly idleRounds: number
  readonly pingRounds: number
  readonly closeRounds: number
  readonly #maskingKey: (() => number) | undefined
  readonly #encoder: WebSocketEncoder
  readonly #deflateEncoders: (WebSocketEncoder | undefined)[] = []
  #onEmpty: (() => void) | undefined

  constructor(
    role: WebSocketRole,
    makeTimer: (callback: () => void) => RoundsTimer,
    options: WebSocketLimits & WebSocketHandlers<U>,
    maskingKey?: () => number
  ) {
    const {
      maxMessageBytes,
      maxFragments,
      highWaterMarkBytes = DEFAULT_HIGH_WATER_MARK_BYTES,
      maxBufferedBytes = 4 * highWaterMarkBytes,
      maxHandshakeBytes = DEFAULT_MAX_HANDSHAKE_BYTES,
      handshakeTimeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS,
      idleTimeoutMs = DEFAULT_IDLE_TIMEOUT_MS,
      pingIntervalMs = DEFAULT_PING_INTERVAL_MS,
      closeTimeoutMs = DEFAULT_CLOSE_TIMEOUT_MS,
      compression = false
    } = object(options, 'options')
    for (const name of HANDLERS) {
      const handler = (options as Record<string, unknown>)[name]
      if (handler !== undefined) callback(handler, name)
    }
    this.role = role
    this.handlers = options
    this.highWaterMarkBytes = integer(highWaterMarkBytes, 'highWaterMarkBytes', 0, 2 ** 31)
    this.maxBufferedBytes = integer(
      maxBufferedBytes,
      'maxBufferedBytes',
      highWaterMarkBytes,
      MOST_BYTES
    )
    this.maxHandshakeBytes = integer(maxHandshakeBytes, 'maxHandshakeBytes', 256, 2 ** 20)
    this.handshakeTimeoutMs = number(handshakeTimeoutMs, 'handshakeTimeoutMs', 1, MOST_MS)
    number(idleTimeoutMs, 'idleTimeoutMs', 0, MOST_MS)
    number(pingIntervalMs, 'pingIntervalMs', 0, MOST_MS)
    number(closeTimeoutMs, 'closeTimeoutMs', 1, MOST_MS)
    const times = [handshakeTimeoutMs, idleTimeoutMs, pingIntervalMs, closeTimeoutMs]
    this.rounds = new Rounds(times, makeTimer, () => this.#onRound())
    this.handshakeRounds = this.rounds.count(handshakeTimeoutMs)
    this.idleRounds = this.rounds.count(idleTimeoutMs)
    this.pingRounds = this.rounds.count(pingIntervalMs)
    this.closeRounds = this.rounds.count(closeTimeoutMs)
    this.compression = checkCompression(compression)
    this.decoders = new DecoderPool({ role, maxMessageBytes, maxFragments })
    this.#maskingKey = maskingKey
    this.#encoder = new WebSocketEncoder({ role, maskingKey })
  }

  /** `windowBits` is 0 where no compression was agreed on. */
  encoderFor(windowBits: number): WebSocketEncoder {
    if (windowBits === 0) return this.#encoder
    this.#deflateEncoders[windowBits] ??= new WebSocketEncoder(
      new EncoderSettings({
        role: this.role,
        maskingKey: this.#maskingKey,
        compression: { level: this.compression?.level, windowBits }
      })
    )
    return this.#deflateEncoders[windowBits]
  }

  watch(what: Watched): void {
    this.watched.add(what)
    this.rounds.start()
  }

  unwatch(what: Watched): void {
    this.watched.delete(what)
    if (this.watched.size > 0) return
    this.rounds.stop()
    this.#onEmpty?.()
  }

  /** Closes all, and calls back when all are closed. */
  shutDown(code: number, onEmpty: () => void): void {
    this.#onEmpty = onEmpty
    for (const one of [...this.watched]) one._shutDown(code)
    if (this.watched.size === 0) onEmpty()
  }

  /** What a handler threw is nobody's to catch, as with a diverted connection. */
  onThrown(error: unknown): void {
    throwLater(error)
  }

  /** Whether there is anything to count for. */
  #onRound(): boolean {
    for (const one of [...this.watched]) one._onRound()
    return this.watched.size > 0
  }
}
