// Datagrams of one gateway: whose they are, where to send them, and whether they arrive. Before an
// address has proved that it receives, the server sends it nothing but a challenge, which is no
// longer than what came from it; after that the token counts only from that address. Contains no
// rules.

import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Logger } from 'pino'
import type { DatagramEvent, PollEvent, Poller, SocketAddress, UdpSocket } from 'pollport'
import type { Place } from '../place.ts'
import { type Game, MAX_STATE_DATAGRAM_BYTES } from '../rules/game.ts'
import type { Limits } from '../rules/limits.ts'
import { TokenBucket } from '../rules/session.ts'
import {
  decodeFromPlayer,
  encodeChallenge,
  encodeOpen,
  type FromPlayer,
  LONGEST_FROM_PLAYER_BYTES,
  NONCE_BYTES,
  UDP_TOKEN_BYTES
} from '../wire/datagram.ts'
import { SEAL_BYTES, SEALED, Seal } from '../wire/sealed.ts'
import { unhandled } from '../wire/unhandled.ts'
import type { OutgoingState } from './outgoing-state.ts'

/**
 * Ticks run between two batches. Each datagram counts for at least 256 bytes, so a batch has 32, a
 * quarter of a millisecond's work.
 */
const BATCH_BYTES = 32 * 256

/** A player that receives nothing still gets one state of so many, to notice when that changes. */
const PROBE_EVERY_TICKS = 15

/**
 * So many views that a player may have are remembered, as bases of differences; players keep twice
 * as many.
 */
const KEPT_VIEWS = 32

/** The path to one player. */
export class UdpPath {
  readonly client: number
  readonly token: string
  readonly bucket: TokenBucket
  /** Set once the address has proved that it receives. */
  address: SocketAddress | undefined
  /** The last thing from that address. */
  receivedAtMs = 0
  match = 0
  game: Game | undefined
  /** The last tick of that match that is known to have arrived, and the last one that was sent. */
  heardTick = 0
  sentTick = 0
  /** Since when something waits to be acknowledged; undefined when nothing does. */
  unheardSinceMs: number | undefined
  /** By tick: what was sent since the one that has arrived, if the game makes differences. */
  readonly views = new Map<number, unknown>()

  /** Of a player who speaks TLS: nothing counts, and nothing is sent, that is not sealed. */
  readonly seal: Seal | undefined

  constructor(
    client: number,
    limits: Limits,
    nowMs: number,
    token: string,
    secret: string | undefined
  ) {
    this.token = token
    this.client = client
    this.seal = secret === undefined ? undefined : new Seal(secret, this.token, true)
    this.bucket = new TokenBucket(limits.inputsPerSecond, limits.inputsPerSecond, nowMs)
  }
}

export interface UdpPathsOptions {
  address: string
  port: number
  limits: Limits
  /** The bytes are valid until the next batch. */
  onInput: (client: number, match: number, seq: number, input: Uint8Array) => void
  log: Logger
  place: Place
}

export class UdpPaths {
  in = 0
  out = 0
  refused = 0
  // A poller of its own: a fair poller gives each socket its turn, so among ten thousand
  // connections the one socket of two thousand players would have its turn far too seldom.
  readonly #poller: Poller<never>
  readonly #place: Place
  readonly #socket: UdpSocket<never>
  readonly #limits: Limits
  readonly #onInput: UdpPathsOptions['onInput']
  readonly #log: Logger
  readonly #byToken = new Map<string, UdpPath>()
  /** For the nonces of challenges: only a receiver can answer them. */
  readonly #key: Buffer

  /** Binds its port. Throws a SocketError. */
  constructor({ address, port, limits, onInput, log, place }: UdpPathsOptions) {
    // Longer ones are seen to be longer, and need no room.
    this.#place = place
    this.#key = place.randomBytes(32)
    this.#poller = place.poller({
      maxDatagramBytes: LONGEST_FROM_PLAYER_BYTES + UDP_TOKEN_BYTES + SEAL_BYTES + 1,
      readBudgetBytes: BATCH_BYTES
    })
    this.#limits = limits
    this.#onInput = onInput
    this.#log = log
    try {
      this.#socket = this.#poller.bindUdp({
        address,
        port,
        receiveBufferSize: limits.udpBufferBytes
      })
    } catch (error) {
      this.#poller.close()
      throw error
    }
  }

  get port(): number {
    return this.#socket.localAddress.port
  }

  /** Serves until the signal comes. */
  run(signal: AbortSignal): Promise<void> {
    return this.#poller.run((events) => this.#onEvents(events), { signal })
  }

  /** Stops receiving and sending datagrams. */
  end(): void {
    this.#poller.close()
  }

  get bytesIn(): number {
    return this.#poller.stats.bytesReceived
  }

  get bytesOut(): number {
    return this.#poller.stats.bytesSent
  }

  /** A new path, with a token of its own, and keys of its own if there is a secret. */
  open(client: number, secret?: string): UdpPath {
    const path = new UdpPath(
      client,
      this.#limits,
      this.#place.nowMs(),
      this.#place.randomBytes(UDP_TOKEN_BYTES).toString('hex'),
      secret
    )
    this.#byToken.set(path.token, path)
    return path
  }

  close(path: UdpPath): void {
    this.#byToken.delete(path.token)
  }

  /** How many players get datagrams now. Counted on each call. */
  countHearing(nowMs: number): number {
    let count = 0
    for (const path of this.#byToken.values())
      if (path.match > 0 && this.#isHearing(path, nowMs)) count++
    return count
  }

  /** Sends a state if it may arrive; false when the player needs it by another way. */
  send(path: UdpPath, state: OutgoingState, nowMs: number): boolean {
    if (path.address === undefined) return false
    const { match, tick, game } = state
    if (path.match !== match) {
      path.match = match
      path.game = game
      path.heardTick = 0
      path.unheardSinceMs = undefined
      path.views.clear()
    }
    path.sentTick = tick
    path.unheardSinceMs ??= nowMs
    const isHearing = this.#isHearing(path, nowMs)
    const hasBase = path.views.size > 0 && path.views.has(path.heardTick)
    const bytes = hasBase
      ? state.since(path.heardTick, path.views.get(path.heardTick))
      : state.bytes
    if (bytes.length > MAX_STATE_DATAGRAM_BYTES) return false
    // What the kernel has no room for is dropped, as any datagram can be.
    const isSent =
      (isHearing || tick % PROBE_EVERY_TICKS === 0) && this.#answer(path, bytes, path.address)
    if (isSent) {
      if (game.hasDifferences) keepView(path, tick, state.view)
    }
    return isHearing
  }

  #onEvents(events: PollEvent<never>[]): void {
    for (const event of events) {
      if (event.type === 'datagram') this.#receive(event)
      // A datagram that cannot be sent is lost like any other. Strangers choose where it goes, so
      // they must not be able to fill the log.
      if (event.type === 'error') this.#log.debug({ err: event.error }, 'datagram')
    }
  }

  #receive({ data, address }: DatagramEvent<never>): void {
    this.in++
    const path = this.#byToken.get(tokenIn(data))
    const message = path && messageIn(path, data)
    const nowMs = this.#place.nowMs()
    if (message === undefined || path === undefined || !path.bucket.take(1, nowMs)) {
      this.refused++
      return
    }
    const isKnown = path.address !== undefined && isSame(path.address, address)
    if (isKnown) path.receivedAtMs = nowMs
    switch (message.kind) {
      case 'hello':
        this.#answer(
          path,
          isKnown ? encodeOpen() : encodeChallenge(this.#nonce(path, address).toString('hex')),
          address
        )
        break
      case 'proof':
        if (!timingSafeEqual(Buffer.from(message.nonce, 'hex'), this.#nonce(path, address))) {
          this.refused++
          return
        }
        path.address = address
        path.receivedAtMs = nowMs
        path.unheardSinceMs = undefined
        this.#answer(path, encodeOpen(), address)
        break
      case 'input':
        if (!isKnown) {
          this.refused++ // perhaps the player has another address now: then it sends a hello
          return
        }
        this.#onInputFrom(path, message, nowMs)
        break
      default:
        unhandled(message)
    }
  }

  #onInputFrom(
    path: UdpPath,
    { match, seq, heardTick, input: bytes }: Extract<FromPlayer, { kind: 'input' }>,
    nowMs: number
  ): void {
    const isOfThisMatch = match === path.match
    if (isOfThisMatch && heardTick > path.heardTick) {
      path.heardTick = heardTick
      path.unheardSinceMs = heardTick < path.sentTick ? nowMs : undefined
      if (path.views.size > 0)
        for (const tick of path.views.keys()) if (tick < heardTick) path.views.delete(tick)
    }
    if (bytes.length === 0) return // it only acknowledges
    // The rules read it again: they know the match before its first state was sent.
    if (isOfThisMatch && path.game?.readInput(bytes) === undefined) this.refused++
    else this.#onInput(path.client, match, seq, bytes)
  }

  #answer({ seal }: UdpPath, bytes: Uint8Array, address: SocketAddress): boolean {
    const isSent = this.#socket.send(seal === undefined ? bytes : seal.seal(HEAD, bytes), address)
    if (isSent) this.out++
    return isSent
  }

  #isHearing(path: UdpPath, nowMs: number): boolean {
    if (path.address === undefined) return false
    return (
      path.unheardSinceMs === undefined || nowMs - path.unheardSinceMs < this.#limits.udpSilenceMs
    )
  }

  /** Valid for this path and this address only; nothing needs to be stored. */
  #nonce(path: UdpPath, address: SocketAddress): Buffer {
    const hmac = createHmac('sha256', this.#key).update(path.token).update(address.toString())
    return hmac.digest().subarray(0, NONCE_BYTES)
  }
}

const HEAD = Buffer.from([SEALED])
const TOKEN_END = 1 + UDP_TOKEN_BYTES

/** Whether it is sealed or not, the token comes after the kind. */
function tokenIn(data: Buffer): string {
  return data.toString('hex', 1, TOKEN_END)
}

/** undefined for what is malformed, and for what should be sealed and is not, or the other way. */
function messageIn({ token, seal }: UdpPath, data: Buffer): FromPlayer | undefined {
  if ((data[0] === SEALED) !== (seal !== undefined)) return undefined
  const plain = seal === undefined ? data : seal.open(data, TOKEN_END)
  const message = plain && decodeFromPlayer(plain)
  return message?.token === token ? message : undefined
}

function keepView({ views }: UdpPath, tick: number, view: unknown): void {
  views.set(tick, view)
  const [oldest] = views.keys()
  if (views.size > KEPT_VIEWS) views.delete(oldest)
}

function isSame(one: SocketAddress, other: SocketAddress): boolean {
  return one.port === other.port && one.address === other.address
}
