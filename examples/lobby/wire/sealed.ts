// Encrypted datagrams: AES-256-GCM under keys that both ends derive from a secret which came over
// TLS. One key for each direction; the sequence number is the nonce, so no nonce comes twice; a
// datagram that was seen before, or is too old, is not opened again. Pure but for its numbers.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

/** The first byte of a sealed datagram, in both directions; others are as in datagram.ts. */
export const SEALED = 9
export const SECRET_BYTES = 32
const SEQ_BYTES = 8
const TAG_BYTES = 16
const NONCE_BYTES = 12
const KEY_BYTES = 32
/** How much longer a datagram becomes, without its token. */
export const SEAL_BYTES = 1 + SEQ_BYTES + TAG_BYTES

/** Of a datagram to the server: the kind, and the player's token. */
export function sealedHead(token: string): Buffer {
  return Buffer.concat([Buffer.from([SEALED]), Buffer.from(token, 'hex')])
}

/** A new secret, in hexadecimal. */
export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('hex')
}

/** So many before the newest one may still come: networks reorder. */
export const WINDOW = 1_024
const WORD_BITS = 32
/** One word more: the newest one need not be at the end of its own. */
const WORDS = WINDOW / WORD_BITS + 1

/** Which numbers have come, as in RFC 6479: a ring of bits. */
export class ReplayWindow {
  readonly #bits = new Uint32Array(WORDS)
  #newest = -1

  /** Whether this one may be taken: it has not come before, and is not too old. */
  isNew(seq: number): boolean {
    if (seq > this.#newest) return true
    if (seq <= this.#newest - WINDOW) return false
    return (this.#bits[this.#wordOf(seq)] & this.#bitOf(seq)) === 0
  }

  add(seq: number): void {
    if (seq > this.#newest) {
      const from = Math.floor(this.#newest / WORD_BITS)
      const to = Math.floor(seq / WORD_BITS)
      const count = Math.min(to - from, WORDS)
      for (let word = to - count + 1; word <= to; word++) this.#bits[word % WORDS] = 0
      this.#newest = seq
    }
    this.#bits[this.#wordOf(seq)] |= this.#bitOf(seq)
  }

  #wordOf(seq: number): number {
    return Math.floor(seq / WORD_BITS) % WORDS
  }

  #bitOf(seq: number): number {
    return 1 << (seq % WORD_BITS)
  }
}

/** One end of it. */
export class Seal {
  readonly #sendKey: Buffer
  readonly #receiveKey: Buffer
  readonly #window = new ReplayWindow()
  #seq = 0

  /** `session`: what tells one use of a secret from another, such as the datagrams' token. */
  constructor(secret: string, session: string, isServer: boolean) {
    const keyFor = (direction: string) =>
      Buffer.from(
        hkdfSync('sha256', Buffer.from(secret, 'hex'), session, `pollport ${direction}`, KEY_BYTES)
      )
    const [up, down] = [keyFor('to the server'), keyFor('to the player')]
    this.#sendKey = isServer ? down : up
    this.#receiveKey = isServer ? up : down
  }

  /**
   * `head` comes first as it is, and nobody can change it: the kind, and a player's token. Then the
   * number, what was encrypted, and the tag.
   */
  seal(head: Uint8Array, plain: Uint8Array): Buffer {
    const nonce = Buffer.alloc(NONCE_BYTES)
    // 2^53 of them last for longer than any session
    nonce.writeUIntBE(Math.floor(this.#seq / 2 ** 32), NONCE_BYTES - 8, 4)
    nonce.writeUInt32BE(this.#seq % 2 ** 32, NONCE_BYTES - 4)
    this.#seq++
    const cipher = createCipheriv('aes-256-gcm', this.#sendKey, nonce)
    cipher.setAAD(head)
    const sealed = cipher.update(plain)
    cipher.final()
    return Buffer.concat([
      head,
      nonce.subarray(NONCE_BYTES - SEQ_BYTES),
      sealed,
      cipher.getAuthTag()
    ])
  }

  /** What was sealed, or undefined when it was not, was changed, or has come before. */
  open(bytes: Buffer, headBytes: number): Buffer | undefined {
    const sealedAt = headBytes + SEQ_BYTES
    const tagAt = bytes.length - TAG_BYTES
    if (tagAt < sealedAt) return undefined
    const seq = bytes.readUInt32BE(headBytes) * 2 ** 32 + bytes.readUInt32BE(headBytes + 4)
    if (!Number.isSafeInteger(seq) || !this.#window.isNew(seq)) return undefined
    const nonce = Buffer.alloc(NONCE_BYTES)
    bytes.copy(nonce, NONCE_BYTES - SEQ_BYTES, headBytes, sealedAt)
    const decipher = createDecipheriv('aes-256-gcm', this.#receiveKey, nonce)
    decipher.setAAD(bytes.subarray(0, headBytes))
    decipher.setAuthTag(bytes.subarray(tagAt))
    const plain = decipher.update(bytes.subarray(sealedAt, tagAt))
    try {
      decipher.final()
    } catch {
      return undefined // it is not from the other end, or not as it was sent
    }
    // Only now: a forged number must not move the window.
    this.#window.add(seq)
    return plain
  }
}
