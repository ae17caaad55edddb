// The answers of a server to a handshake (RFC 6455, 4.2.2): 101, or why not.
import { STATUS_CODES } from 'node:http'
import { invalidArgType, invalidArgValue } from '../errors.ts'
import { object } from '../validate.ts'
import { acceptKey } from './accept-key.ts'
import type { WebSocketHandshakeError } from './handshake-error.ts'
import { isFieldValue, isToken } from './http-head.ts'

/** Fields that the handshake itself has. */
const OWN = new Set([
  'upgrade',
  'connection',
  'host',
  'content-length',
  'transfer-encoding',
  'sec-websocket-accept',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
  'sec-websocket-extensions'
])

/**
 * Header fields that a program adds: a plain object. Of an array each value is a line of its own,
 * as several `Set-Cookie` have to be (RFC 6265, 3).
 */
export type ExtraHeaders = Readonly<Record<string, string | readonly string[]>>

/**
 * The answer that makes the connection a WebSocket.
 * @throws TypeError for header fields that cannot be
 */
export function switchingProtocols(
  key: string,
  protocol: string,
  extensions: string | undefined,
  headers: ExtraHeaders | undefined
): string {
  let head =
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${acceptKey(key)}\r\n`
  if (protocol !== '') head += `Sec-WebSocket-Protocol: ${protocol}\r\n`
  if (extensions !== undefined) head += `Sec-WebSocket-Extensions: ${extensions}\r\n`
  return `${head}${headers === undefined ? '' : fieldLines(headers)}\r\n`
}

/** The answer to a request that becomes no WebSocket. The connection is closed after it. */
export function refusal(error: WebSocketHandshakeError, headers: ExtraHeaders = {}): string {
  const { status = 400 } = error
  const reason = STATUS_CODES[status] ?? 'Refused'
  return (
    `HTTP/1.1 ${status} ${reason}\r\n${fieldLines({ ...error._headers, ...headers })}` +
    `Connection: close\r\nContent-Type: text/plain\r\nContent-Length: ${reason.length}\r\n\r\n${reason}`
  )
}

/** @throws TypeError for header fields that cannot be */
export function fieldLines(headers: ExtraHeaders): string {
  let lines = ''
  for (const [name, values] of Object.entries(headers))
    for (const value of Array.isArray(values) ? values : [values]) {
      if (!isToken(name) || typeof value !== 'string' || !isFieldValue(value))
        throw invalidArgValue('headers', `${name}: ${value}`, 'it is no header field')
      lines += `${name}: ${value}\r\n`
    }
  return lines
}

/** @throws TypeError for a field that only the handshake itself may set */
export function checkExtraHeaders(headers: ExtraHeaders): void {
  // Of a Headers, a Map or an array the keys are none of its fields: they would get lost.
  if (Symbol.iterator in object(headers, 'headers'))
    throw invalidArgType('headers', 'a plain object', headers)
  for (const name of Object.keys(headers))
    if (OWN.has(name.toLowerCase()))
      throw invalidArgValue('headers', name, 'the handshake itself sets it')
  fieldLines(headers)
}
