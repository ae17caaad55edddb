// Masks and unmasks bytes in place, four at a time (RFC 6455, 5.3: byte i is XORed with byte i
// modulo 4 of the key). A key is a number here, its first byte the lowest.

// Words have the order of the machine's memory. On a big-endian one bytes go one by one.
const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1
/** From so many bytes on, a view of words pays. */
const MIN_BYTES_BY_WORDS = 16
/** From so many words on, eight a step, without a look at whether they are ASCII. */
const MIN_WORDS_BY_EIGHT = 256
/** The highest bit of each byte of a word: set in what is not ASCII. */
const NOT_ASCII = 0x80808080

/** The key that lies at `at`. */
export function readMaskingKey(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
}

/** Writes the key to `at`. */
export function writeMaskingKey(bytes: Uint8Array, at: number, key: number): void {
  bytes[at] = key
  bytes[at + 1] = key >> 8
  bytes[at + 2] = key >> 16
  bytes[at + 3] = key >> 24
}

/** The key for what comes after `count` bytes that were masked by it. */
export function keyAfter(key: number, count: number): number {
  const bits = 8 * (count & 3)
  return bits === 0 ? key : (key >>> bits) | (key << (32 - bits))
}

/**
 * Masks in place. It keeps the view of words of the memory that it saw last: the receive buffer of
 * a poller is the same every time.
 */
export class Masking {
  #memory: ArrayBufferLike | undefined
  #words: Int32Array = new Int32Array(0)

  /**
   * XORs the bytes from `start` to `end` with the key.
   * @returns whether all of them are known to be ASCII now. Of 1 KiB and more it is not looked at:
   *   Node's own check of UTF-8 is quicker then.
   */
  apply(bytes: Uint8Array, start: number, end: number, key: number): boolean {
    let at = start
    let seen = 0
    if (isLittleEndian && end - start >= MIN_BYTES_BY_WORDS) {
      const { byteOffset } = bytes
      for (; ((byteOffset + at) & 3) !== 0; at++) {
        const byte = bytes[at] ^ (key & 0xff)
        bytes[at] = byte
        seen |= byte
        key = (key >>> 8) | (key << 24)
      }
      const words = this.#wordsOf(bytes)
      const from = (byteOffset + at) >> 2
      const to = (byteOffset + end) >> 2
      if (to - from >= MIN_WORDS_BY_EIGHT) {
        applyByEight(words, from, to, key)
        seen = NOT_ASCII
      } else {
        for (let word = from; word < to; word++) {
          const unmasked = words[word] ^ key
          words[word] = unmasked
          seen |= unmasked
        }
      }
      at += (to - from) * 4
    }
    for (; at < end; at++) {
      const byte = bytes[at] ^ (key & 0xff)
      bytes[at] = byte
      seen |= byte
      key = (key >>> 8) | (key << 24)
    }
    return (seen & NOT_ASCII) === 0
  }

  #wordsOf(bytes: Uint8Array): Int32Array {
    const memory = bytes.buffer
    // Also anew when a buffer has become longer since, or was transferred.
    if (this.#memory !== memory || this.#words.length !== memory.byteLength >> 2) {
      this.#memory = memory
      this.#words = new Int32Array(memory, 0, memory.byteLength >> 2)
    }
    return this.#words
  }
}

/** Twice as quick as word by word: the loop's own work is as much as a word's. */
function applyByEight(words: Int32Array, from: number, to: number, key: number): void {
  let word = from
  for (; word + 7 < to; word += 8) {
    words[word] ^= key
    words[word + 1] ^= key
    words[word + 2] ^= key
    words[word + 3] ^= key
    words[word + 4] ^= key
    words[word + 5] ^= key
    words[word + 6] ^= key
    words[word + 7] ^= key
  }
  for (; word < to; word++) words[word] ^= key
}
