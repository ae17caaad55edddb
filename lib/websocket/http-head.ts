// The head of a request or of an answer (RFC 9112, 2 to 5): read as it comes, and taken apart. As
// strict as a server may be: no folded lines, no bare line feeds, no space before a colon.
import { badRequest, WebSocketHandshakeError } from './handshake-error.ts'

const END_OF_HEAD = '\r\n\r\n'
// RFC 9110, 5.5: visible characters, spaces and tabs; and bytes over ASCII, which some send.
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const NOTHING = Buffer.alloc(0)
const SPACE = 0x20
const TAB = 0x09
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** Header fields by name in lower case. Of a name that comes twice the values are one list. */
export type Headers = Readonly<Record<string, string>>

export interface Head {
  readonly startLine: string
  readonly headers: Headers
}

/** Gathers a head that comes piece by piece. */
export class HeadReader {
  readonly #maxBytes: number
  #kept: Buffer | undefined

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /**
   * Takes the next bytes.
   * @returns undefined while the head is not whole; else the head, and what came after it: views,
   *   mostly of `chunk`
   * @throws WebSocketHandshakeError 431 when it is longer than `maxBytes`
   */
  push(chunk: Buffer): { head: Buffer; rest: Buffer } | undefined {
    const before = this.#kept === undefined ? 0 : this.#kept.length
    const bytes = this.#kept === undefined ? chunk : Buffer.concat([this.#kept, chunk])
    // The end may have begun in what came before.
    const end = bytes.indexOf(END_OF_HEAD, Math.max(before - END_OF_HEAD.length + 1, 0), 'latin1')
    const headBytes = end < 0 ? bytes.length : end + END_OF_HEAD.length
    if (headBytes > this.#maxBytes)
      throw new WebSocketHandshakeError(`the head has more than ${this.#maxBytes} bytes`, 431)
    if (end < 0) {
      // A copy: the chunk is the poller's.
      this.#kept = before === 0 ? Buffer.from(bytes) : bytes
      return undefined
    }
    this.#kept = undefined
    // Mostly nothing follows: a client waits for the answer.
    if (headBytes === bytes.length) return { head: bytes, rest: NOTHING }
    return { head: bytes.subarray(0, headBytes), rest: chunk.subarray(headBytes - before) }
  }
}

/**
 * Takes a whole head apart.
 * @throws WebSocketHandshakeError 400 for what is no HTTP
 */
export function parseHead(head: Buffer): Head {
  const text = head.toString('latin1', 0, head.length - END_OF_HEAD.length)
  const headers: Record<string, string> = Object.create(null)
  const startLine = text.slice(0, endOfLine(text, 0))
  for (let at = startLine.length + 2; at < text.length; ) {
    const end = endOfLine(text, at)
    const colon = text.indexOf(':', at)
    const field = text.slice(at, Math.max(at, colon))
    const value = withoutSpace(text, colon + 1, end)
    if (colon > end || !TOKEN.test(field) || !VALUE.test(value))
      throw badRequest('a header field is malformed')
    const name = field.toLowerCase()
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value
    at = end + 2
  }
  return { startLine, headers }
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\r\n', from)
  return end < 0 ? text.length : end
}

/** What stands between the spaces and tabs around it (RFC 9110, 5.6.3). */
function withoutSpace(text: string, start: number, end: number): string {
  let from = start
  let to = end
  while (from < to && isSpace(text.charCodeAt(from))) from++
  while (from < to && isSpace(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

function isSpace(code: number): boolean {
  return code === SPACE || code === TAB
}

/** The items of a list, such as `Connection` has, without those that are empty. */
export function listOf(value: string | undefined): string[] {
  if (value === undefined) return []
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

/** Whether a list has this item, in any case. */
export function hasItem(value: string | undefined, item: string): boolean {
  // Mostly it is the only one.
  if (value === undefined || value.toLowerCase() === item) return value !== undefined
  return listOf(value).some((other) => other.toLowerCase() === item)
}

/** Whether it may be a header's name, a method, a subprotocol (RFC 9110, 5.6.2). */
export function isToken(text: string): boolean {
  return TOKEN.test(text)
}

/** Whether it may be a header's value. */
export function isFieldValue(text: string): boolean {
  return VALUE.test(text)
}
