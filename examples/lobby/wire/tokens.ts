// Resume tokens: what lets a player who lost the connection take the same seat again. Signed, so
// that nobody can guess or forge one; each works once, and for a limited time. And accounts, by
// which a player is known again at any time. Uses neither seats nor sockets; the time is passed in.
import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'

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
    this.#key = keyFor('seat', key)
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

/** A key for one purpose: what is signed for one is worth nothing for another (RFC 5869). */
function keyFor(purpose: string, key: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', `pollport lobby ${purpose}`, 32))
}

/** As text: base64url of the account's 16 bytes and 32 bytes of signature. */
export const ACCOUNT_TOKEN_CHARS = 64

/**
 * What the client keeps of an account. The server signs it rather than the client a challenge: it
 * works in every client with one string, and in a page without TLS too, where browsers have no
 * WebCrypto. It is as secret as a password: over the internet, use TLS.
 */
export class AccountSigner {
  readonly #key: Buffer

  constructor(key: Buffer = randomBytes(32)) {
    this.#key = keyFor('account', key)
  }

  sign(account: string): string {
    const id = Buffer.from(account, 'hex')
    return Buffer.concat([id, this.#signature(id)]).toString('base64url')
  }

  /** The account, or undefined when the token is not one of ours. */
  verify(text: string): string | undefined {
    const token = Buffer.from(text, 'base64url')
    if (text.length !== ACCOUNT_TOKEN_CHARS || token.toString('base64url') !== text)
      return undefined
    const id = token.subarray(0, ID_BYTES)
    if (!timingSafeEqual(token.subarray(ID_BYTES), this.#signature(id))) return undefined
    return id.toString('hex')
  }

  #signature(id: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(id).digest()
  }
}
