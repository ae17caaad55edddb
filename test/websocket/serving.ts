// A WebSocketServer on a running poller for the length of a test, and clients: a raw one that says
// what it is told to, byte for byte, by Node's own net.
import { connect, type Socket } from 'node:net'
import { Poller } from 'pollport'
import { type WebSocket, WebSocketServer, type WebSocketServerOptions } from 'pollport/websocket'
import { onTestFinished } from 'vitest'
import { Received } from './received.ts'

export const LOCAL = '127.0.0.1'

/** How long what does not come may be waited for. */
const DEADLINE_MS = 10_000

export interface Serving<U> {
  poller: Poller<unknown>
  server: WebSocketServer<U>
  port: number
  /** What the server's handlers were told, in words. */
  words: string[]
  /** The WebSockets that were opened, in order. */
  sockets: WebSocket<U>[]
}

/** Text as itself, bytes in hexadecimal. */
const shown = (data: Buffer, isText: boolean): string =>
  isText ? data.toString() : data.toString('hex')

/** Serves until the test ends. Echoes, unless `onMessage` is given. */
export function serve<U = undefined>(options: Partial<WebSocketServerOptions<U>> = {}): Serving<U> {
  const poller = new Poller<unknown>()
  const words: string[] = []
  const sockets: WebSocket<U>[] = []
  const server = new WebSocketServer<U>(poller, {
    ...(options.listener === undefined ? { address: LOCAL, port: 0 } : {}),
    onMessage: (socket, data, isText) => void socket.send(data, { isText }),
    ...options,
    onOpen(socket) {
      words.push('open')
      sockets.push(socket)
      options.onOpen?.(socket)
    },
    onPong(socket, data) {
      words.push(`pong ${shown(data, true)}`)
      options.onPong?.(socket, data)
    },
    onDrain(socket) {
      words.push('drain')
      options.onDrain?.(socket)
    },
    onClose(socket, code, reason, error) {
      words.push(`close ${code} ${reason}`.trim())
      options.onClose?.(socket, code, reason, error)
    },
    onError(error) {
      words.push(`error ${(error as { status?: number }).status ?? error.message}`)
      options.onError?.(error)
    }
  })
  const running = poller.run(() => {})
  onTestFinished(async () => {
    poller.close()
    await running
  })
  return { poller, server, port: server.localAddress.port, words, sockets }
}

/** Waits, in turns with Node's loop, until something is so. */
export async function until(sentence: string, isSo: () => boolean): Promise<void> {
  const end = performance.now() + DEADLINE_MS
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`this did not come true: ${sentence}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

/** A client of bytes. */
export class RawClient {
  readonly socket: Socket
  readonly #received = new Received()
  hasEnded = false
  isClosed = false

  constructor(port: number) {
    this.socket = connect({ port, host: LOCAL, noDelay: true, allowHalfOpen: true })
    this.socket.on('data', (data) => this.#received.add(data))
    this.socket.on('end', () => {
      this.hasEnded = true
    })
    this.socket.on('close', () => {
      this.isClosed = true
    })
    this.socket.on('error', () => {})
    onTestFinished(() => void this.socket.destroy())
  }

  get received(): Buffer {
    return this.#received.bytes
  }

  forgetReceived(): void {
    this.#received.forget()
  }

  get text(): string {
    return this.received.toString('latin1')
  }

  get status(): number {
    return Number(/^HTTP\/1\.1 (\d+) /.exec(this.text)?.[1])
  }

  /** What came after the head of the answer. */
  get frames(): Buffer {
    const end = this.received.indexOf('\r\n\r\n')
    return end < 0 ? Buffer.alloc(0) : this.received.subarray(end + 4)
  }

  async write(data: string | Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => this.socket.write(data, () => resolve()))
  }

  /** The head of an answer has come. */
  async answered(): Promise<number> {
    await until('the server answers', () => this.text.includes('\r\n\r\n'))
    return this.status
  }

  async closed(): Promise<void> {
    await until('the connection is closed', () => this.isClosed)
  }
}

export interface Asking {
  path?: string
  start?: string
  /** In place of the usual fields; undefined leaves one out. */
  headers?: Record<string, string | undefined>
}

/** A request as RFC 6455, 1.2 has it, with what the test wants otherwise. */
export function requestText({ path = '/', start, headers = {} }: Asking = {}): string {
  const fields: Record<string, string | undefined> = {
    Host: 'server.example.com',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version': '13',
    ...headers
  }
  const lines = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`)
  return `${start ?? `GET ${path} HTTP/1.1`}\r\n${lines.join('')}\r\n`
}

/** A client that has asked, and whose answer has come. */
export async function ask(port: number, asking?: Asking): Promise<RawClient> {
  const client = new RawClient(port)
  await client.write(requestText(asking))
  await client.answered()
  return client
}
