// What travels by UDP while a match runs: inputs from players, states to them. What an input and a
// state are is up to the game: here they are bytes.
// Everything is big-endian; byte 0 is the kind. A datagram counts only with its player's token, and
// an address gets states only after it has proved that it receives. Pure; no sockets.
/** From a player; each of them begins with the kind and the player's token. */
export const FROM_PLAYER = { hello: 1, proof: 2, input: 3 } as const
/** To a player. */
export const TO_PLAYER = { challenge: 1, open: 2, state: 3, difference: 4 } as const

export const UDP_TOKEN_BYTES = 8
export const NONCE_BYTES = 8
const TOKEN_END = 1 + UDP_TOKEN_BYTES
const PROOF_BYTES = TOKEN_END + NONCE_BYTES
const INPUT_HEAD_BYTES = TOKEN_END + 4 + 4 + 4
/** Of a game's input. */
export const MAX_INPUT_BYTES = 192
export const LONGEST_FROM_PLAYER_BYTES = INPUT_HEAD_BYTES + MAX_INPUT_BYTES
const STATE_HEAD_BYTES = 1 + 4 + 4 + 1
const SEQ_BYTES = 4
const BASE_BYTES = 4

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
   * that they arrive; 0 before the first. An input of no bytes only acknowledges.
   */
  | {
      kind: 'input'
      token: string
      match: number
      seq: number
      heardTick: number
      input: Uint8Array
    }

/** What a player is sent. */
export type ToPlayer =
  | { kind: 'challenge'; nonce: string }
  | { kind: 'open' }
  | ({ kind: 'state' } & EncodedState)
  /** `body` says what has changed since the state of the tick `base`, which was acknowledged. */
  | ({ kind: 'difference'; base: number } & EncodedState)

/** A state as it travels; the game makes and reads its body. */
export interface EncodedState {
  match: number
  tick: number
  /** By player, at most 255: see MatchState. */
  seqs: readonly number[]
  body: Uint8Array
}

export function encodeFromPlayer(message: FromPlayer): Buffer {
  const bytes = Buffer.alloc(lengthOf(message))
  bytes[0] = FROM_PLAYER[message.kind]
  bytes.write(message.token, 1, 'hex')
  if (message.kind === 'proof') bytes.write(message.nonce, TOKEN_END, 'hex')
  if (message.kind === 'input') {
    bytes.writeUInt32BE(message.match, TOKEN_END)
    bytes.writeUInt32BE(message.seq, TOKEN_END + 4)
    bytes.writeUInt32BE(message.heardTick, TOKEN_END + 8)
    bytes.set(message.input, INPUT_HEAD_BYTES)
  }
  return bytes
}

function lengthOf(message: FromPlayer): number {
  switch (message.kind) {
    case 'hello':
      return TOKEN_END
    case 'proof':
      return PROOF_BYTES
    case 'input':
      return INPUT_HEAD_BYTES + message.input.length
  }
}

/**
 * undefined for whatever is not exactly one of {@link FromPlayer}. `input` is a view of `bytes`.
 */
export function decodeFromPlayer(bytes: Buffer): FromPlayer | undefined {
  if (bytes.length < TOKEN_END) return undefined
  const token = bytes.toString('hex', 1, TOKEN_END)
  switch (bytes[0]) {
    case FROM_PLAYER.hello:
      return bytes.length === TOKEN_END ? { kind: 'hello', token } : undefined
    case FROM_PLAYER.proof:
      if (bytes.length !== PROOF_BYTES) return undefined
      return { kind: 'proof', token, nonce: bytes.toString('hex', TOKEN_END) }
    case FROM_PLAYER.input: {
      if (bytes.length < INPUT_HEAD_BYTES || bytes.length > LONGEST_FROM_PLAYER_BYTES)
        return undefined
      return {
        kind: 'input',
        token,
        match: bytes.readUInt32BE(TOKEN_END),
        seq: bytes.readUInt32BE(TOKEN_END + 4),
        heardTick: bytes.readUInt32BE(TOKEN_END + 8),
        input: bytes.subarray(INPUT_HEAD_BYTES)
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

/** The whole state. */
export function encodeState({ match, tick, seqs, body }: EncodedState): Buffer {
  return encodeAs(TO_PLAYER.state, match, tick, seqs, body)
}

/** What has changed since the tick `base`. */
export function encodeDifference({ match, tick, seqs, body }: EncodedState, base: number): Buffer {
  const tickOfBase = Buffer.alloc(BASE_BYTES)
  tickOfBase.writeUInt32BE(base)
  return encodeAs(TO_PLAYER.difference, match, tick, seqs, tickOfBase, body)
}

function encodeAs(
  kind: number,
  match: number,
  tick: number,
  seqs: readonly number[],
  ...parts: Uint8Array[]
): Buffer {
  let at = STATE_HEAD_BYTES + seqs.length * SEQ_BYTES
  const bytes = Buffer.allocUnsafe(parts.reduce((sum, { length }) => sum + length, at))
  bytes[0] = kind
  bytes.writeUInt32BE(match, 1)
  bytes.writeUInt32BE(tick, 5)
  bytes[9] = seqs.length
  for (const [number, seq] of seqs.entries())
    bytes.writeUInt32BE(seq, STATE_HEAD_BYTES + number * SEQ_BYTES)
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
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
      return state && { kind: 'state', ...state }
    }
    case TO_PLAYER.difference: {
      const state = decodeState(bytes)
      if (state === undefined || state.body.length < BASE_BYTES) return undefined
      const { buffer, byteOffset, length } = state.body
      const body = Buffer.from(buffer, byteOffset, length)
      return {
        kind: 'difference',
        ...state,
        base: body.readUInt32BE(0),
        body: body.subarray(BASE_BYTES)
      }
    }
    default:
      return undefined
  }
}

/** Of an encoded state: what is needed to send it, without reading it all. */
export function headOf(bytes: Uint8Array): { match: number; tick: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return { match: view.getUint32(1), tick: view.getUint32(5) }
}

/** undefined for what is too short; `body` is a view of `bytes`. */
export function decodeState(bytes: Buffer): EncodedState | undefined {
  if (bytes.length < STATE_HEAD_BYTES) return undefined
  const count = bytes[9]
  const bodyAt = STATE_HEAD_BYTES + count * SEQ_BYTES
  if (bytes.length < bodyAt) return undefined
  return {
    match: bytes.readUInt32BE(1),
    tick: bytes.readUInt32BE(5),
    seqs: Array.from({ length: count }, (_, number) =>
      bytes.readUInt32BE(STATE_HEAD_BYTES + number * SEQ_BYTES)
    ),
    body: bytes.subarray(bodyAt)
  }
}
