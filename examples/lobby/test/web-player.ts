// For tests of the web door: a player on `ws`, as a browser's WebSocket would be; and somebody on
// Node's `net` who writes any bytes at all to it.
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { Participant, until } from './person.ts'

interface WebServer {
  webPort: number
}

export class Browser extends Participant {
  readonly socket: WebSocket
  /** Of the WebSocket's close frame; 1006 when there was none. */
  closeCode: number | undefined
  /** The answer to the request, when it was not the one that was hoped for. */
  status: number | undefined

  /** `origin`: of the page that opens it, as browsers send it. */
  constructor(webPort: number, { origin = `http://127.0.0.1:${webPort}`, path = '/play' } = {}) {
    super()
    this.socket = new WebSocket(`ws://127.0.0.1:${webPort}${path}`, { origin })
    this.socket.on('message', (data, isBinary) => {
      if (isBinary) throw new Error('a page is sent text')
      this.heard.push(JSON.parse(String(data)))
    })
    this.socket.on('close', (code) => {
      this.closeCode = code
      this.hasEnded = code !== 1006
      this.isClosed = true
    })
    this.socket.on('unexpected-response', (_, { statusCode }) => {
      this.status = statusCode
      this.socket.terminate()
    })
    this.socket.on('error', () => {}) // 'close' follows
    onTestFinished(() => this.socket.terminate())
  }

  static async arrive({ webPort }: WebServer): Promise<Browser> {
    const browser = new Browser(webPort)
    await browser.next('hello')
    return browser
  }

  static async signIn(server: WebServer, name: string): Promise<Browser> {
    const browser = await Browser.arrive(server)
    browser.send({ type: 'name', name })
    await browser.next('welcome')
    return browser
  }

  send(message: object): void {
    this.socket.send(JSON.stringify(message))
  }
}

/** A raw connection: bytes go there, and bytes come back. */
export class Visitor {
  readonly socket: Socket
  heard: Buffer = Buffer.alloc(0)
  isClosed = false

  /** `from`: its own address, one of 127/8. */
  constructor(webPort: number, from?: string) {
    const where = { port: webPort, host: '127.0.0.1', localAddress: from }
    this.socket = connect({ ...where, noDelay: true, allowHalfOpen: true })
    this.socket.on('data', (data) => {
      this.heard = Buffer.concat([this.heard, data])
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.isClosed = true
    })
    // Never ends by itself.
    onTestFinished(() => void this.socket.destroy())
  }

  /**
   * Has opened a WebSocket, chosen a name, and been welcomed; from there on it may do what it
   * likes.
   */
  static async signIn({ webPort }: WebServer, name: string): Promise<Visitor> {
    const visitor = new Visitor(webPort)
    visitor.socket.write(upgradeRequest(webPort))
    await visitor.hears('"hello"')
    visitor.socket.write(frame(1, JSON.stringify({ type: 'name', name })))
    await visitor.hears('"welcome"')
    return visitor
  }

  async hears(text: string): Promise<void> {
    await until(`"${text}" among ${this.heard.length} bytes`, () => this.heard.includes(text))
  }
}

export function upgradeRequest(
  webPort: number,
  headers: Record<string, string | undefined> = {},
  path = '/play'
): string {
  const all = {
    Host: `127.0.0.1:${webPort}`,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    ...headers
  }
  const lines = Object.entries(all).filter(([, value]) => value !== undefined)
  return `GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}

/** RFC 6455, section 5.2. A browser's has FIN and a mask, and no reserved bits. */
export function frame(
  opcode: number,
  payload: string | Uint8Array,
  { fin = true, reserved = 0, isMasked = true, claimedBytes }: FrameOptions = {}
): Buffer {
  const body = Buffer.from(payload as string)
  const length = claimedBytes ?? body.length
  const size = length < 126 ? 0 : length < 65_536 ? 2 : 8
  const head = Buffer.alloc(2 + size)
  head[0] = (fin ? 0x80 : 0) | (reserved << 4) | opcode
  head[1] = (isMasked ? 0x80 : 0) | (size === 0 ? length : size === 2 ? 126 : 127)
  if (size === 2) head.writeUInt16BE(length, 2)
  if (size === 8) head.writeBigUInt64BE(BigInt(length), 2)
  if (!isMasked) return Buffer.concat([head, body])
  const mask = randomBytes(4)
  return Buffer.concat([head, mask, body.map((byte, at) => byte ^ mask[at % 4])])
}

interface FrameOptions {
  fin?: boolean
  /** The three bits after FIN. */
  reserved?: number
  isMasked?: boolean
  /** Instead of what it is. */
  claimedBytes?: number
}
