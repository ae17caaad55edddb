// How a connection ends, in three ways, and what each side sees of it. Knows no network.
export const WAYS = ['half-close', 'reset by the server', 'reset by the client']
const HALF_CLOSE = 0
const RESET_BY_SERVER = 1
const RESET_BY_CLIENT = 2

const BYTES = 100_000
/** More than is on its way at once, so that the other side is still sending when a reset comes. */
const MANY_BYTES = 4_000_000

/** The client's first byte is the way. */
export class Ending {
  #socket
  #way
  #isClient
  #received = 0
  #story = []

  constructor(socket, way) {
    this.#socket = socket
    this.#way = way
    this.#isClient = way !== undefined
    if (way === undefined) return
    socket.send(Uint8Array.of(way))
    if (way === RESET_BY_SERVER) socket.send(Buffer.alloc(MANY_BYTES))
    if (way !== HALF_CLOSE) return
    socket.send(Buffer.alloc(BYTES))
    socket.end()
  }

  /** Takes an event; returns the whole story if it was the last one. */
  take(event) {
    if (event.type === 'receive') this.#receive(event.data)
    if (event.type === 'end') {
      this.#story.push(`end after ${this.#received} bytes`)
      // Only a half-close lets this through.
      if (!this.#isClient && this.#way === HALF_CLOSE) this.#socket.send(Buffer.alloc(BYTES))
      if (!this.#isClient) this.#socket.end()
    }
    if (event.type !== 'close') return
    this.#story.push(`close ${event.error?.code ?? 'in order'}`)
    return `${WAYS[this.#way]}, ${this.#isClient ? 'client' : 'server'}: ${this.#story.join(', ')}`
  }

  #receive(data) {
    if (this.#way === undefined) {
      this.#way = data[0]
      this.#received = -1
      if (this.#way === RESET_BY_CLIENT) this.#socket.send(Buffer.alloc(MANY_BYTES))
    }
    this.#received += data.length
    const resetter = this.#isClient ? RESET_BY_CLIENT : RESET_BY_SERVER
    if (this.#way === resetter && this.#received >= BYTES) this.#socket.reset()
  }
}
