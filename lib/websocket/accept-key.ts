// How a server proves that it has understood the handshake (RFC 6455, 1.3 and 4.2.2).
import { hash } from 'node:crypto'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`. */
export function acceptKey(key: string): string {
  return hash('sha1', key + GUID, 'base64')
}

/** Whether it is 16 bytes in base64 (4.2.1). */
export function isKey(key: string | undefined): key is string {
  return key !== undefined && /^[+/0-9A-Za-z]{21}[AQgw]==$/.test(key)
}
