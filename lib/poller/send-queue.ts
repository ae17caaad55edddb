// What the system did not take yet, of one connection, in order. Knows bytes, not sockets. Exists
// only while something is left.

// Small messages behind a full send buffer are put together into pieces of this size.
const PIECE_BYTES = 16 * 1024

export class SendQueue {
  bytes = 0
  // Pieces with [start, end) still to be sent; the head is at #head so that taking from the front
  // does not move the rest.
  #pieces: Uint8Array[] = []
  #head = 0
  #headStart = 0
  // How much of the last piece is in use; the rest of it takes later messages.
  #tailEnd = 0

  /**
   * Copies `data` behind everything else. Throws RangeError when there is no memory for it; then
   * nothing of it is queued.
   */
  append(data: Uint8Array): void {
    if (data.length === 0) return
    const tail = this.#pieces[this.#pieces.length - 1]
    if (tail !== undefined && tail.length - this.#tailEnd >= data.length) {
      tail.set(data, this.#tailEnd)
      this.#tailEnd += data.length
      this.bytes += data.length
      return
    }
    const piece = Buffer.allocUnsafeSlow(Math.max(PIECE_BYTES, data.length))
    piece.set(data)
    this.#closeTail()
    this.#pieces.push(piece)
    this.#tailEnd = data.length
    this.bytes += data.length
  }

  /** Puts `data` behind everything else without a copy: nobody may change it any more. */
  appendShared(data: Uint8Array): void {
    if (data.length === 0) return
    this.bytes += data.length
    this.#closeTail()
    this.#pieces.push(data)
    this.#tailEnd = data.length
  }

  /**
   * Offers the pieces in order until `send` takes less than it was offered, or reports an error by
   * a negative number. Returns that negative number, or 0.
   */
  pump(send: (bytes: Uint8Array, offset: number, length: number) => number): number {
    while (this.bytes > 0) {
      const piece = this.#pieces[this.#head]
      const isTail = this.#head === this.#pieces.length - 1
      const end = isTail ? this.#tailEnd : piece.length
      const offered = end - this.#headStart
      const taken = send(piece, this.#headStart, offered)
      if (taken < 0) return taken
      this.bytes -= taken
      this.#headStart += taken
      if (taken < offered) return 0
      this.#dropHead()
    }
    return 0
  }

  /** Drops the first `bytes`: they were sent already. */
  drop(bytes: number): void {
    let left = bytes
    this.pump((_piece, _offset, length) => {
      const taken = Math.min(left, length)
      left -= taken
      return taken
    })
  }

  // A piece that is followed by another ends where it is filled: pump() relies on it.
  #closeTail(): void {
    const last = this.#pieces.length - 1
    if (last >= 0 && this.#tailEnd < this.#pieces[last].length) {
      this.#pieces[last] = this.#pieces[last].subarray(0, this.#tailEnd)
    }
  }

  #dropHead(): void {
    this.#headStart = 0
    this.#head++
    if (this.#head === this.#pieces.length) {
      this.#pieces = []
      this.#head = 0
      this.#tailEnd = 0
    } else if (this.#head >= 64) {
      this.#pieces.splice(0, this.#head)
      this.#head = 0
    }
  }
}
