// What travels by UDP while a match runs: steering from players, the arena's state to them.
// Everything is big-endian; byte 0 is the kind. A datagram counts only with its player's token, and
// an address gets states only after it has proved that it receives. Pure; no sockets.
import { DIRECTIONS, type Direction, type MatchState } from './protocol.ts'

/** From a player; each of them begins with the kind and the player's token. */
export const FROM_PLAYER = { hello: 1, proof: 2, steer: 3 } as const
/** To a player. */
export const TO_PLAYER = { challenge: 1, open: 2, state: 3 } as const

export const UDP_TOKEN_BYTES = 8
export const NONCE_BYTES = 8
const TOKEN_END = 1 + UDP_TOKEN_BYTES
const PROOF_BYTES = TOKEN_END + NONCE_BYTES
const STEER_BYTES = TOKEN_END + 4 + 4 + 4 + 1
export const LONGEST_FROM_PLAYER_BYTES = STEER_BYTES
const STATE_HEAD_BYTES = 1 + 4 + 4 + 1 + 1
const PLAYER_BYTES = 1 + 2 + 2 + 1 + 4
const COIN_BYTES = 2 + 2

/** What a player sends. `token` is in hexadecimal, as in the message 'udp'. */
export type FromPlayer =
  /**
   * "I am here": the answer is a challenge, or `open` if this address is known already. Repeated,
   * it keeps the way open.
   */
  | { kind: 'hello'; token: string }
  /** The nonce of the challenge: it proves that the player receives at this address. */
  | { kind: 'proof'; token: string; nonce: string }
  /**
   * `heardTick`: of the last state of this match that came by a datagram, so that the server knows
   * that they arrive; 0 before the first.
   */
  | {
      kind: 'steer'
      token: string
      match: number
      seq: number
      heardTick: number
      direction: Direction
    }

/** What a player is sent. */
export type ToPlayer =
  | { kind: 'challenge'; nonce: string }
  | { kind: 'open' }
  | { kind: 'state'; state: MatchState }

export function encodeFromPlayer(message: FromPlayer): Buffer {
  const lengths = { hello: TOKEN_END, proof: PROOF_BYTES, steer: STEER_BYTES }
  const bytes = Buffer.alloc(lengths[message.kind])
  bytes[0] = FROM_PLAYER[message.kind]
  bytes.write(message.token, 1, 'hex')
  if (message.kind === 'proof') bytes.write(message.nonce, TOKEN_END, 'hex')
  if (message.kind === 'steer') {
    bytes.writeUInt32BE(message.match, TOKEN_END)
    bytes.writeUInt32BE(message.seq, TOKEN_END + 4)
    bytes.writeUInt32BE(message.heardTick, TOKEN_END + 8)
    bytes[TOKEN_END + 12] = message.direction
  }
  return bytes
}

/** undefined for whatever is not exactly one of {@link FromPlayer}. */
export function decodeFromPlayer(bytes: Buffer): FromPlayer | undefined {
  if (bytes.length < TOKEN_END) return undefined
  const token = bytes.toString('hex', 1, TOKEN_END)
  switch (bytes[0]) {
    case FROM_PLAYER.hello:
      return bytes.length === TOKEN_END ? { kind: 'hello', token } : undefined
    case FROM_PLAYER.proof:
      if (bytes.length !== PROOF_BYTES) return undefined
      return { kind: 'proof', token, nonce: bytes.toString('hex', TOKEN_END) }
    case FROM_PLAYER.steer: {
      const direction = bytes[TOKEN_END + 12]
      if (bytes.length !== STEER_BYTES || direction >= DIRECTIONS) return undefined
      return {
        kind: 'steer',
        token,
        match: bytes.readUInt32BE(TOKEN_END),
        seq: bytes.readUInt32BE(TOKEN_END + 4),
        heardTick: bytes.readUInt32BE(TOKEN_END + 8),
        direction
      }
    }
    default:
      return undefined
  }
}

/** As long as a hello: a forged source address amplifies nothing. */
export function encodeChallenge(nonce: string): Buffer {
  return Buffer.concat([Buffer.from([TO_PLAYER.challenge]), Buffer.from(nonce, 'hex')])
}

export function encodeOpen(): Buffer {
  return Buffer.from([TO_PLAYER.open])
}

/** At most 255 players and as many coins. */
export function encodeState({ match, tick, players, coins }: MatchState): Buffer {
  const bytes = Buffer.allocUnsafe(
    STATE_HEAD_BYTES + players.length * PLAYER_BYTES + coins.length * COIN_BYTES
  )
  bytes[0] = TO_PLAYER.state
  bytes.writeUInt32BE(match, 1)
  bytes.writeUInt32BE(tick, 5)
  bytes[9] = players.length
  bytes[10] = coins.length
  let at = STATE_HEAD_BYTES
  for (const { seat, x, y, score, seq } of players) {
    bytes[at] = seat
    bytes.writeUInt16BE(x, at + 1)
    bytes.writeUInt16BE(y, at + 3)
    bytes[at + 5] = score
    bytes.writeUInt32BE(seq, at + 6)
    at += PLAYER_BYTES
  }
  for (const { x, y } of coins) {
    bytes.writeUInt16BE(x, at)
    bytes.writeUInt16BE(y, at + 2)
    at += COIN_BYTES
  }
  return bytes
}

/** undefined for whatever is not exactly one of {@link ToPlayer}. */
export function decodeToPlayer(bytes: Buffer): ToPlayer | undefined {
  switch (bytes[0]) {
    case TO_PLAYER.challenge:
      return bytes.length === 1 + NONCE_BYTES
        ? { kind: 'challenge', nonce: bytes.toString('hex', 1) }
        : undefined
    case TO_PLAYER.open:
      return bytes.length === 1 ? { kind: 'open' } : undefined
    case TO_PLAYER.state: {
      const state = decodeState(bytes)
      return state && { kind: 'state', state }
    }
    default:
      return undefined
  }
}

export function decodeState(bytes: Buffer): MatchState | undefined {
  if (bytes.length < STATE_HEAD_BYTES) return undefined
  const playerCount = bytes[9]
  const coinCount = bytes[10]
  const coinsAt = STATE_HEAD_BYTES + playerCount * PLAYER_BYTES
  if (bytes.length !== coinsAt + coinCount * COIN_BYTES) return undefined
  const players = Array.from({ length: playerCount }, (_, number) => {
    const at = STATE_HEAD_BYTES + number * PLAYER_BYTES
    return {
      seat: bytes[at],
      x: bytes.readUInt16BE(at + 1),
      y: bytes.readUInt16BE(at + 3),
      score: bytes[at + 5],
      seq: bytes.readUInt32BE(at + 6)
    }
  })
  const coins = Array.from({ length: coinCount }, (_, number) => {
    const at = coinsAt + number * COIN_BYTES
    return { x: bytes.readUInt16BE(at), y: bytes.readUInt16BE(at + 2) }
  })
  return { match: bytes.readUInt32BE(1), tick: bytes.readUInt32BE(5), players, coins }
}
