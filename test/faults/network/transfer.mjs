// Bytes over one connection, both directions at once, and whether they came whole. Knows no
// network.
import { createCipheriv, createHash } from 'node:crypto'

const PIECE_BYTES = 48 * 1024
const HEAD_BYTES = 8

/**
 * The bytes that belong to a number: a key stream, so that a lost, doubled or swapped piece cannot
 * go unseen.
 */
export function bytesOf(number, length) {
  const key = createHash('md5').update(String(number)).digest()
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length))
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

/**
 * The client says `number` and `length` first; then each side sends the other as many bytes as
 * that, and FIN.
 */
export class Transfer {
  /** Whether everything came that should have come; known at the end. */
  whole = undefined
  received = 0
  #socket
  #isClient
  #hash = createHash('sha256')
  #head = Buffer.alloc(0)
  #toSend = Buffer.alloc(0)
  #sent = 0
  #expected = ''

  constructor(socket, asked) {
    this.#socket = socket
    this.#isClient = asked !== undefined
    if (asked === undefined) return
    const head = Buffer.alloc(HEAD_BYTES)
    head.writeUInt32BE(asked.number, 0)
    head.writeUInt32BE(asked.length, 4)
    this.#begin(asked.number, asked.length)
    socket.send(head)
    this.sendMore()
  }

  sendMore() {
    while (this.#sent < this.#toSend.length) {
      const piece = this.#toSend.subarray(this.#sent, this.#sent + PIECE_BYTES)
      this.#sent += piece.length
      if (!this.#socket.send(piece)) return
    }
    if (this.#toSend.length > 0) this.#socket.end()
  }

  take(data) {
    if (!this.#isClient && this.#head.length < HEAD_BYTES) {
      const missing = HEAD_BYTES - this.#head.length
      this.#head = Buffer.concat([this.#head, data.subarray(0, missing)])
      if (this.#head.length < HEAD_BYTES) return
      this.#begin(this.#head.readUInt32BE(0), this.#head.readUInt32BE(4))
      this.sendMore()
      data = data.subarray(missing)
    }
    this.#hash.update(data)
    this.received += data.length
  }

  ended() {
    this.whole = this.#hash.digest('hex') === this.#expected
  }

  #begin(number, length) {
    this.#toSend = bytesOf(`${number} from ${this.#isClient ? 'client' : 'server'}`, length)
    this.#expected = sha256(
      bytesOf(`${number} from ${this.#isClient ? 'server' : 'client'}`, length)
    )
  }
}
