// Bytes in order, in pieces: what a simulated connection has not sent, or has received. Knows no
// connection.

export class ByteQueue {
  /** How many bytes there are. */
  length = 0
  #pieces: Uint8Array[] = none
  /** So much of the first piece is gone. */
  #gone = 0

  /** Keeps `bytes`, which nobody may change from now on. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    // Most have one piece at a time, and an array that grows by push() begins with room for 17.
    if (this.length === 0) this.#pieces = [bytes]
    else this.#pieces.push(bytes)
    this.length += bytes.length
  }

  /** Copies up to `limit` bytes from `offset` on to `target`; returns how many. */
  copy(offset: number, limit: number, target: Uint8Array, targetOffset: number): number {
    let skip = offset + this.#gone
    let copied = 0
    for (const piece of this.#pieces) {
      if (copied === limit) break
      if (skip >= piece.length) {
        skip -= piece.length
        continue
      }
      const isWhole = skip === 0 && piece.length <= limit - copied
      const part = isWhole ? piece : piece.subarray(skip, skip + limit - copied)
      target.set(part, targetOffset + copied)
      copied += part.length
      skip = 0
    }
    return copied
  }

  /** So many bytes from `offset` on, which nobody may change: a copy only if it must be one. */
  slice(offset: number, length: number): Uint8Array {
    let skip = offset + this.#gone
    for (const piece of this.#pieces) {
      if (skip === 0 && piece.length === length) return piece
      if (skip + length <= piece.length) return piece.subarray(skip, skip + length)
      if (skip < piece.length) break
      skip -= piece.length
    }
    const bytes = Buffer.allocUnsafe(length)
    this.copy(offset, length, bytes, 0)
    return bytes
  }

  /** Drops the first `count` bytes. */
  drop(count: number): void {
    this.length -= count
    if (this.length === 0) return this.clear()
    this.#gone += count
    let whole = 0
    while (whole < this.#pieces.length && this.#gone >= this.#pieces[whole].length) {
      this.#gone -= this.#pieces[whole].length
      whole++
    }
    if (whole > 0) this.#pieces.splice(0, whole)
  }

  clear(): void {
    this.length = 0
    this.#pieces = none
    this.#gone = 0
  }
}

/** Of all that are empty. */
const none: Uint8Array[] = []
