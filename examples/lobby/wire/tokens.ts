// Resume tokens: what lets a player who lost the connection take the same seat again. Signed, so
// that nobody can guess or forge one; each works once, and for a limited time. Uses neither seats
// nor sockets; the time is passed in.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

// 16 bytes for the player, 4 bytes for which of its tokens, 6 bytes until when (milliseconds since
// 1970), and 32 bytes of signature (HMAC-SHA256).
const ID_BYTES = 16
const SERIAL_AT = ID_BYTES
const EXPIRES_AT = SERIAL_AT + 4
const BODY_BYTES = EXPIRES_AT + 6
const TOKEN_BYTES = BODY_BYTES + 32
/** As text: base64url of {@link TOKEN_BYTES}. */
export const TOKEN_CHARS = Math.ceil((TOKEN_BYTES * 4) / 3)

/** Of a signer's key. */
export const TOKEN_KEY_BYTES = 32

/** What a genuine token says. */
export interface TokenClaim {
  /** The player, in hexadecimal. */
  id: string
  serial: number
  expiresMs: number
}

/** Nobody knows it, and nobody can guess it. */
export function newPlayerId(bytes: (count: number) => Buffer = randomBytes): string {
  return bytes(ID_BYTES).toString('hex')
}

export class TokenSigner {
  readonly #key: Buffer

  /**
   * Tokens are good for as long as the key lives: one of its own for each run of the server, unless
   * one is given.
   */
  constructor(key: Buffer = randomBytes(TOKEN_KEY_BYTES)) {
    this.#key = key
  }

  sign({ id, serial, expiresMs }: TokenClaim): string {
    const token = Buffer.alloc(TOKEN_BYTES)
    token.write(id, 'hex')
    token.writeUInt32BE(serial, SERIAL_AT)
    token.writeUIntBE(expiresMs, EXPIRES_AT, 6)
    this.#signature(token).copy(token, BODY_BYTES)
    return token.toString('base64url')
  }

  /**
   * What the token says, or undefined when it is not one of ours. Whether it is still good is for
   * its reader to decide.
   */
  verify(text: string): TokenClaim | undefined {
    if (text.length !== TOKEN_CHARS) return undefined
    const token = Buffer.from(text, 'base64url')
    // Node's decoder passes over what is no base64url: only the one right spelling counts.
    if (token.length !== TOKEN_BYTES || token.toString('base64url') !== text) return undefined
    // In constant time, so that a guess learns nothing from how long it takes.
    if (!timingSafeEqual(token.subarray(BODY_BYTES), this.#signature(token))) return undefined
    return {
      id: token.toString('hex', 0, ID_BYTES),
      serial: token.readUInt32BE(SERIAL_AT),
      expiresMs: token.readUIntBE(EXPIRES_AT, 6)
    }
  }

  #signature(token: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(token.subarray(0, BODY_BYTES)).digest()
  }
}
