// Bytes in order, in pieces: what a simulated connection has not sent, or has received. Knows no
// connection.

export class ByteQueue {
  /** How many bytes there are. */
  length = 0
  #pieces: Uint8Array[] = []
  /** So much of the first piece is gone. */
  #gone = 0

  /** Keeps `bytes`, which nobody may change from now on. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#pieces.push(bytes)
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
      const part = piece.subarray(skip, Math.min(piece.length, skip + limit - copied))
      target.set(part, targetOffset + copied)
      copied += part.length
      skip = 0
    }
    return copied
  }

  /** Drops the first `count` bytes. */
  drop(count: number): void {
    this.length -= count
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
    this.#pieces = []
    this.#gone = 0
  }
}
