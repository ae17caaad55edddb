// The client's side of the handshake (RFC 6455, 4.1): the request, and whether the answer to it
// makes a WebSocket.
import { randomFillSync } from 'node:crypto'
import { acceptKey } from './accept-key.ts'
import { acceptedWindowBits, DEFLATE_OFFER, parseExtensions } from './extensions.ts'
import { WebSocketHandshakeError } from './handshake-error.ts'
import { type ExtraHeaders, fieldLines } from './http-answer.ts'
import { type Head, hasItem } from './http-head.ts'

const STATUS_LINE = /^HTTP\/1\.1 ([1-5]\d\d)(?: .*)?$/

/** What a client asks for. */
export interface Asked {
  readonly key: string
  readonly path: string
  readonly host: string
  readonly protocols: readonly string[]
  readonly hasDeflate: boolean
  readonly headers: ExtraHeaders
}

/** What both sides have agreed on. */
export interface Agreed {
  readonly protocol: string
  /** The largest window to compress with; 0 for no compression. */
  readonly windowBits: number
}

/** A key that no other handshake has; `randomInt32` is that of a simulation. */
export function newKey(randomInt32?: () => number): string {
  const key = Buffer.alloc(16)
  if (randomInt32 === undefined) randomFillSync(key)
  else for (let at = 0; at < key.length; at += 4) key.writeInt32LE(randomInt32(), at)
  return key.toString('base64')
}

export function handshakeRequest({
  key,
  path,
  host,
  protocols,
  hasDeflate,
  headers
}: Asked): string {
  let head =
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n`
  if (protocols.length > 0) head += `Sec-WebSocket-Protocol: ${protocols.join(', ')}\r\n`
  if (hasDeflate) head += `Sec-WebSocket-Extensions: ${DEFLATE_OFFER}\r\n`
  return `${head}${fieldLines(headers)}\r\n`
}

/** @throws WebSocketHandshakeError for every other answer than the one that was asked for */
export function readAnswer({ startLine, headers }: Head, asked: Asked): Agreed {
  const match = STATUS_LINE.exec(startLine)
  if (match === null) throw new WebSocketHandshakeError('the answer is no HTTP/1.1')
  const status = Number(match[1])
  const wrong = (message: string) => new WebSocketHandshakeError(message, status)
  if (status !== 101) throw wrong(`the server answered ${status}`)
  if (!hasItem(headers.upgrade, 'websocket') || !hasItem(headers.connection, 'upgrade'))
    throw wrong('the server switches to something else')
  if (headers['sec-websocket-accept'] !== acceptKey(asked.key))
    throw wrong('Sec-WebSocket-Accept does not fit the key')
  const protocol = headers['sec-websocket-protocol'] ?? ''
  if (protocol !== '' && !asked.protocols.includes(protocol))
    throw wrong(`the server chose a subprotocol that nobody offered: ${protocol}`)
  const chosen = headers['sec-websocket-extensions']
  if (chosen === undefined) return { protocol, windowBits: 0 }
  const windowBits = acceptedWindowBits(parseExtensions(chosen) ?? [])
  if (!asked.hasDeflate || windowBits === undefined)
    throw wrong(`the server chose extensions that nobody offered: ${chosen}`)
  return { protocol, windowBits }
}
