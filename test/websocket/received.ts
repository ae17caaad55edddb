// Bytes as they come, joined when somebody looks at them: joined at each arrival, a long stream
// would be copied again and again.
export class Received {
  #chunks: Buffer[] = []

  add(chunk: Buffer): void {
    this.#chunks.push(chunk)
  }

  get bytes(): Buffer {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0]
  }

  forget(): void {
    this.#chunks = []
  }
}
