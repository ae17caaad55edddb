// A frame that has not come whole: its header as far as it is there, and what is left to come.
import { headerBytesOf, MAX_HEADER_BYTES } from './frame.ts'

export class PartialFrame {
  readonly header: Buffer = Buffer.allocUnsafe(MAX_HEADER_BYTES)
  headerBytes = 0
  /** How many bytes of payload are still to come; -1 while the header is not whole. */
  missing = -1
  /** The masking key for the next byte. */
  key = 0
  /** Of a control frame: the payload so far. */
  control: Buffer | undefined

  /**
   * Takes bytes of the header.
   * @returns how many it took
   */
  takeHeader(bytes: Uint8Array, start: number): number {
    let at = start
    while (at < bytes.length && this.headerBytes < this.#wantedHeaderBytes)
      this.header[this.headerBytes++] = bytes[at++]
    return at - start
  }

  get isHeaderWhole(): boolean {
    return this.headerBytes === this.#wantedHeaderBytes
  }

  /** Two bytes first: they say how long the header is. */
  get #wantedHeaderBytes(): number {
    return this.headerBytes < 2 ? 2 : headerBytesOf(this.header[1])
  }
}
