// How two nodes of a cluster make sure of each other: both prove that they have the cluster's
// secret, for just this connection and for just these two lives. Pure: bytes in, bytes out.
//
// The node that accepts sends a challenge. The one that dialled answers with its own challenge, who
// it is, whom it dialled, and an HMAC-SHA256 of all that and both challenges; the other one, when
// that is right, with an HMAC of the same. What is sent afterwards is neither signed nor encrypted:
// nodes belong in a network of their own.
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { NodeRef } from '../rules/passport.ts'

/** Counts up when nodes of one version cannot talk to those of another. */
const VERSION = 1
const NONCE_BYTES = 32
const MAC_BYTES = 32
const MAC_AT = 1 + NONCE_BYTES
const NAMES_AT = MAC_AT + MAC_BYTES
/** Of a message of the handshake. Node ids have at most 64 characters. */
export const MAX_HANDSHAKE_BYTES = 512
export const MAX_NODE_ID_CHARS = 64

const ref = z.object({
  id: z.string().min(1).max(MAX_NODE_ID_CHARS),
  epoch: z.int().min(0)
})
const names = z.object({ from: ref, to: ref })

/** Who dials, and whom. */
export interface Names {
  from: NodeRef
  to: NodeRef
}

export class Handshake {
  readonly #key: Buffer
  readonly #randomBytes: (count: number) => Buffer

  /** `secret`: of the whole cluster. */
  constructor(secret: Buffer, randomBytes: (count: number) => Buffer) {
    this.#key = Buffer.from(hkdfSync('sha256', secret, '', 'pollport lobby node link', MAC_BYTES))
    this.#randomBytes = randomBytes
  }

  /** The first message, of the node that accepts. */
  challenge(): Buffer {
    return Buffer.concat([Buffer.from([VERSION]), this.#randomBytes(NONCE_BYTES)])
  }

  /** The answer to a challenge, or undefined when it is none. */
  answer(challenge: Buffer, who: Names): Buffer | undefined {
    if (challenge.length !== 1 + NONCE_BYTES || challenge[0] !== VERSION) return undefined
    const head = Buffer.concat([Buffer.from([VERSION]), this.#randomBytes(NONCE_BYTES)])
    const tail = Buffer.from(JSON.stringify({ from: who.from, to: who.to }))
    return Buffer.concat([head, this.#mac('dials', challenge, head, tail), tail])
  }

  /** Whose answer to this challenge it is; undefined when it is not one of this cluster. */
  verify(challenge: Buffer, answer: Buffer): Names | undefined {
    const isAnswer = answer.length > NAMES_AT && answer.length <= MAX_HANDSHAKE_BYTES
    if (!isAnswer || answer[0] !== VERSION) return undefined
    const tail = answer.subarray(NAMES_AT)
    const mac = this.#mac('dials', challenge, answer.subarray(0, MAC_AT), tail)
    if (!timingSafeEqual(mac, answer.subarray(MAC_AT, NAMES_AT))) return undefined
    try {
      return names.parse(JSON.parse(tail.toString()))
    } catch {
      return undefined // signed all the same: by another version
    }
  }

  /** The last message, of the node that has accepted. */
  confirmation(challenge: Buffer, answer: Buffer): Buffer {
    return this.#mac('accepts', challenge, answer.subarray(0, MAC_AT), answer.subarray(NAMES_AT))
  }

  isConfirmed(challenge: Buffer, answer: Buffer, confirmation: Buffer): boolean {
    return (
      confirmation.length === MAC_BYTES &&
      timingSafeEqual(confirmation, this.confirmation(challenge, answer))
    )
  }

  #mac(role: 'dials' | 'accepts', challenge: Buffer, head: Buffer, tail: Buffer): Buffer {
    const mac = createHmac('sha256', this.#key)
    // All but the last have a fixed length for each role, so no two can be taken for each other.
    for (const part of [role, challenge, head, tail]) mac.update(part)
    return mac.digest()
  }
}
