// The answer to a request that does not become a WebSocket, on its bare connection.
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'

/** Sends a response of `beforeUpgrade`, and closes the connection. */
export async function writeResponse(stream: Duplex, response: Response): Promise<void> {
  const { status, statusText, headers } = response
  const body = Buffer.from(await response.arrayBuffer())
  if (stream.destroyed) return
  const lines = [`HTTP/1.1 ${status} ${statusText || (STATUS_CODES[status] ?? '')}`]
  for (const [name, value] of headers)
    if (name !== 'content-length' && name !== 'connection') lines.push(`${name}: ${value}`)
  lines.push(`Content-Length: ${body.length}`, 'Connection: close', '', '')
  stream.end(Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), body]))
}
