// A WebSocket server of bytes, by Node's own net: it answers the handshake as it is told to, sends
// what it is told to, and keeps what came.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { Received } from './received.ts'
import { LOCAL, until } from './serving.ts'

/** RFC 6455, 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** What a right answer has, with what the test wants otherwise; undefined leaves a field out. */
export function answerText(
  request: string,
  { start, headers = {} }: { start?: string; headers?: Record<string, string | undefined> } = {}
): string {
  const key = /^sec-websocket-key: (.*)\r$/im.exec(request)?.[1] ?? ''
  const accept = createHash('sha1')
    .update(key.trim() + GUID)
    .digest('base64')
  const fields: Record<string, string | undefined> = {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Accept': accept,
    ...headers
  }
  const lines = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`)
  return `${start ?? 'HTTP/1.1 101 Switching Protocols'}\r\n${lines.join('')}\r\n`
}

/** A connection of the server. */
export class RawAccepted {
  readonly socket: Socket
  readonly #received = new Received()
  hasEnded = false
  isClosed = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (data) => this.#received.add(data))
    socket.on('end', () => {
      this.hasEnded = true
    })
    socket.on('close', () => {
      this.isClosed = true
    })
    socket.on('error', () => {})
  }

  get received(): Buffer {
    return this.#received.bytes
  }

  forgetReceived(): void {
    this.#received.forget()
  }

  /** The head of the request, once it has come. */
  get request(): string {
    const end = this.received.indexOf('\r\n\r\n')
    return end < 0 ? '' : this.received.subarray(0, end + 4).toString('latin1')
  }

  /** What came after the request. */
  get frames(): Buffer {
    const end = this.received.indexOf('\r\n\r\n')
    return end < 0 ? Buffer.alloc(0) : this.received.subarray(end + 4)
  }

  async asked(): Promise<string> {
    await until('the client asks', () => this.request !== '')
    return this.request
  }

  async write(data: string | Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => this.socket.write(data, () => resolve()))
  }
}

export class RawServer {
  readonly accepted: RawAccepted[] = []
  readonly #server: Server

  private constructor() {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.accepted.push(new RawAccepted(socket))
    )
  }

  /** Listens until the test ends. */
  static async open(): Promise<RawServer> {
    const server = new RawServer()
    server.#server.listen(0, LOCAL)
    await once(server.#server, 'listening')
    onTestFinished(() => {
      for (const { socket } of server.accepted) socket.destroy()
      server.#server.close()
    })
    return server
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** The connection of that number, once it is there. */
  async connection(number = 0): Promise<RawAccepted> {
    await until('a client connects', () => this.accepted.length > number)
    return this.accepted[number]
  }
}

/** Frames of a client as a server would send them: without their masks. The last may be cut. */
export function unmasked(stream: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < stream.length; ) {
    const short = stream[at + 1] & 127
    const lengthAt = at + 2
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
    const length =
      lengthBytes === 0
        ? short
        : lengthBytes === 2
          ? stream.readUInt16BE(lengthAt)
          : Number(stream.readBigUInt64BE(lengthAt))
    const keyAt = lengthAt + lengthBytes
    const isMasked = stream[at + 1] >= 128
    const from = keyAt + (isMasked ? 4 : 0)
    const payload = Buffer.from(stream.subarray(from, from + length))
    if (isMasked)
      for (const [byte] of payload.entries()) payload[byte] ^= stream[keyAt + (byte & 3)]
    parts.push(Buffer.from([stream[at], stream[at + 1] & 127]), stream.subarray(lengthAt, keyAt))
    parts.push(payload)
    at = from + length
  }
  return Buffer.concat(parts)
}
