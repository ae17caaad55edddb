// Datagrams of one gateway: whose they are, where they may be sent, and whether they arrive. An
// address is sent nothing but a challenge, which is no longer than what came from it, before it has
// shown that it hears; a token is believed only from the address that has. Knows no rules.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Logger } from 'pino'
import {
  type DatagramEvent,
  type PollEvent,
  Poller,
  type SocketAddress,
  type UdpSocket
} from 'pollport'
import type { Limits } from './config.ts'
import {
  decodeFromPlayer,
  encodeChallenge,
  encodeOpen,
  LONGEST_FROM_PLAYER_BYTES,
  NONCE_BYTES,
  UDP_TOKEN_BYTES
} from './datagram.ts'
import type { Direction } from './protocol.ts'
import { TokenBucket } from './session.ts'

/**
 * Between two batches the ticks have their turn. Each datagram counts for at least 256 bytes, so a
 * batch has 32, a quarter of a millisecond's work.
 */
const BATCH_BYTES = 32 * 256

/** Who hears nothing is still sent one state of so many, to find out when that is over. */
const PROBE_EVERY_TICKS = 15

/** The way to one player. */
export class UdpPath {
  readonly client: number
  readonly token: string = randomBytes(UDP_TOKEN_BYTES).toString('hex')
  readonly bucket: TokenBucket
  /** As soon as it has shown that it hears. */
  address: SocketAddress | undefined
  /** The last thing from that address. */
  receivedAtMs = 0
  match = 0
  /** The last tick of that match that is known to have arrived, and when that became known. */
  heardTick = 0
  heardAtMs = 0

  constructor(client: number, limits: Limits, nowMs: number) {
    this.client = client
    this.bucket = new TokenBucket(limits.steersPerSecond, limits.steersPerSecond, nowMs)
  }
}

export interface UdpPathsOptions {
  address: string
  port: number
  limits: Limits
  onSteer: (client: number, match: number, seq: number, direction: Direction) => void
  log: Logger
}

export class UdpPaths {
  in = 0
  out = 0
  refused = 0
  // A poller of its own: a fair one gives each socket its turn, and among ten thousand connections
  // the one that hears two thousand players would have its turn far too seldom.
  readonly #poller: Poller<never>
  readonly #socket: UdpSocket<never>
  readonly #limits: Limits
  readonly #onSteer: UdpPathsOptions['onSteer']
  readonly #log: Logger
  readonly #byToken = new Map<string, UdpPath>()
  /** Of the challenges: nobody who does not hear them can answer. */
  readonly #key = randomBytes(32)

  /** Binds its port. Throws a SocketError. */
  constructor({ address, port, limits, onSteer, log }: UdpPathsOptions) {
    // Longer ones are seen to be longer, and need no room.
    this.#poller = new Poller({
      maxDatagramBytes: LONGEST_FROM_PLAYER_BYTES + 1,
      readBudgetBytes: BATCH_BYTES
    })
    this.#limits = limits
    this.#onSteer = onSteer
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

  /** No datagram comes or goes any more. */
  end(): void {
    this.#poller.close()
  }

  get bytesIn(): number {
    return this.#poller.stats.bytesReceived
  }

  get bytesOut(): number {
    return this.#poller.stats.bytesSent
  }

  /** A new path, with a token of its own. */
  open(client: number): UdpPath {
    const path = new UdpPath(client, this.#limits, performance.now())
    this.#byToken.set(path.token, path)
    return path
  }

  close(path: UdpPath): void {
    this.#byToken.delete(path.token)
  }

  /** How many are sent datagrams now. Counted when asked for. */
  countHearing(nowMs: number): number {
    let count = 0
    for (const path of this.#byToken.values())
      if (path.match > 0 && this.#isHearing(path, nowMs)) count++
    return count
  }

  /** Sends a state if it may arrive; false when the player needs it by another way. */
  send(path: UdpPath, state: Uint8Array, match: number, tick: number, nowMs: number): boolean {
    if (path.address === undefined) return false
    if (path.match !== match) {
      path.match = match
      path.heardTick = 0
      path.heardAtMs = nowMs // it has yet to have something to acknowledge
    }
    const isHearing = this.#isHearing(path, nowMs)
    // What the system has no room for is dropped, as any datagram may be.
    if ((isHearing || tick % PROBE_EVERY_TICKS === 0) && this.#socket.send(state, path.address))
      this.out++
    return isHearing
  }

  #onEvents(events: PollEvent<never>[]): void {
    for (const event of events) {
      if (event.type === 'datagram') this.#receive(event)
      // One that does not go out is lost like any other; where it was to go is for strangers to
      // say, who shall not fill the log.
      if (event.type === 'error') this.#log.debug({ err: event.error }, 'datagram')
    }
  }

  #receive({ data, address }: DatagramEvent<never>): void {
    this.in++
    const message = decodeFromPlayer(data)
    const path = message && this.#byToken.get(message.token)
    const nowMs = performance.now()
    if (message === undefined || path === undefined || !path.bucket.take(1, nowMs)) {
      this.refused++
      return
    }
    const isKnown = path.address !== undefined && isSame(path.address, address)
    if (isKnown) path.receivedAtMs = nowMs
    switch (message.kind) {
      case 'hello':
        this.#answer(
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
        path.heardAtMs = nowMs
        this.#answer(encodeOpen(), address)
        break
      case 'steer':
        if (!isKnown) {
          this.refused++ // perhaps the player has another address now: a hello will tell
          return
        }
        if (message.match === path.match && message.heardTick > path.heardTick) {
          path.heardTick = message.heardTick
          path.heardAtMs = nowMs
        }
        this.#onSteer(path.client, message.match, message.seq, message.direction)
    }
  }

  #answer(bytes: Buffer, address: SocketAddress): void {
    if (this.#socket.send(bytes, address)) this.out++
  }

  #isHearing(path: UdpPath, nowMs: number): boolean {
    return path.address !== undefined && nowMs - path.heardAtMs < this.#limits.udpSilenceMs
  }

  /** Of this path and this address alone, and nothing to be remembered. */
  #nonce(path: UdpPath, address: SocketAddress): Buffer {
    const hmac = createHmac('sha256', this.#key).update(path.token).update(address.toString())
    return hmac.digest().subarray(0, NONCE_BYTES)
  }
}

function isSame(one: SocketAddress, other: SocketAddress): boolean {
  return one.port === other.port && one.address === other.address
}
