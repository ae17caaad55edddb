// Random numbers of a match: the same for the same seed on every machine, and unpredictable for
// everybody who does not know the seed. A short seed would not do: from its own cards a player
// could try out all seeds, and know everybody else's.
import { createHash } from 'node:crypto'

const SEED_BYTES = 16
const HASH_BYTES = 32

/** In hexadecimal. */
export function newSeed(bytes: (count: number) => Buffer): string {
  return bytes(SEED_BYTES).toString('hex')
}

/** Numbers from 0 up to 1, of 32 bits each: the hashes of the seed with a counter. */
export function randomFrom(seed: string): () => number {
  let block = Buffer.alloc(0)
  let at = 0
  let count = 0
  return () => {
    if (at === block.length) {
      block = createHash('sha256').update(`${seed} ${count++}`).digest()
      at = 0
    }
    const number = block.readUInt32BE(at) / 2 ** 32
    at += HASH_BYTES / 8
    return number
  }
}
