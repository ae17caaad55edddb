// What `Sec-WebSocket-Extensions` says (RFC 6455, 9.1), and what both sides agree on of
// permessage-deflate (RFC 7692, 7.1). No context is ever taken over here, in either direction.
import { isToken } from './http-head.ts'

const DEFLATE = 'permessage-deflate'
/** zlib makes no raw DEFLATE data with a window of 8 bits. */
const MIN_WINDOW_BITS = 9

/** An offered or accepted extension. A parameter without a value is `true`. */
export interface Extension {
  readonly name: string
  readonly parameters: ReadonlyMap<string, string | true>
}

/** What was agreed on. */
export interface AgreedDeflate {
  /** The largest window that this side may compress with. */
  readonly windowBits: number
  /** The header field that says so: a server's answer. */
  readonly answer: string
}

/**
 * Reads the header.
 * @returns undefined if it is not written as the RFC wants it, or names a parameter twice
 */
export function parseExtensions(header: string): Extension[] | undefined {
  const extensions: Extension[] = []
  for (const item of splitOutsideQuotes(header, ',')) {
    const [name, ...rest] = splitOutsideQuotes(item, ';')
    if (name === undefined || !isToken(name)) return undefined
    const parameters = new Map<string, string | true>()
    for (const parameter of rest) {
      const [key, value] = keyAndValue(parameter)
      if (!isToken(key) || value === undefined || parameters.has(key)) return undefined
      parameters.set(key, value)
    }
    extensions.push({ name, parameters })
  }
  return extensions
}

/** A value may be quoted, but must be a token without the quotes (RFC 6455, 9.1). */
function keyAndValue(parameter: string): [string, string | true | undefined] {
  const equals = parameter.indexOf('=')
  if (equals < 0) return [parameter, true]
  const key = parameter.slice(0, equals).trim()
  let value = parameter.slice(equals + 1).trim()
  if (value.length >= 2 && value.startsWith('"') && value.endsWith('"'))
    value = value.slice(1, -1).replace(/\\(.)/g, '$1')
  return [key, isToken(value) ? value : undefined]
}

function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = []
  let isQuoted = false
  let from = 0
  for (let at = 0; at <= text.length; at++) {
    if (isQuoted && text[at] === '\\') at++
    else if (text[at] === '"') isQuoted = !isQuoted
    else if (at === text.length || (text[at] === separator && !isQuoted)) {
      parts.push(text.slice(from, at).trim())
      from = at + 1
    }
  }
  return parts
}

/**
 * Of what a client offers, in its order, the first offer of permessage-deflate that a server can
 * accept. An offer with a parameter that is unknown, or has a wrong value, is passed over (7.1).
 */
export function acceptDeflate(offers: readonly Extension[]): AgreedDeflate | undefined {
  for (const { name, parameters } of offers) {
    if (name !== DEFLATE || !isOffer(parameters)) continue
    const bits = parameters.get('server_max_window_bits')
    const windowBits = bits === undefined ? 15 : Number(bits)
    if (windowBits < MIN_WINDOW_BITS) continue
    const window = bits === undefined ? '' : `; server_max_window_bits=${windowBits}`
    const answer = `${DEFLATE}; server_no_context_takeover; client_no_context_takeover${window}`
    return { windowBits, answer }
  }
  return undefined
}

function isOffer(parameters: Extension['parameters']): boolean {
  for (const [key, value] of parameters) {
    if (key === 'server_no_context_takeover' || key === 'client_no_context_takeover') {
      if (value !== true) return false
    } else if (key === 'server_max_window_bits') {
      if (!isWindowBits(value)) return false
    } else if (key !== 'client_max_window_bits' || (value !== true && !isWindowBits(value)))
      return false
  }
  return true
}

/** 8 to 15, without leading zeros (7.1.2). */
function isWindowBits(value: string | true): boolean {
  return value !== true && /^([89]|1[0-5])$/.test(value)
}

/**
 * What a client offers. Some servers limit the client's window, and refuse a client that does not
 * offer it.
 */
export const DEFLATE_OFFER: string = `${DEFLATE}; server_no_context_takeover; client_no_context_takeover; client_max_window_bits`

/**
 * By how many bits of window a client may compress, if a server's answer accepts
 * {@link DEFLATE_OFFER} and nothing else; otherwise undefined: the client fails the connection (RFC
 * 6455, 4.1; RFC 7692, 7.1).
 */
export function acceptedWindowBits(accepted: readonly Extension[]): number | undefined {
  if (accepted.length !== 1 || accepted[0].name !== DEFLATE) return undefined
  const { parameters } = accepted[0]
  // It was asked for, so that an acceptance has it.
  if (!isOffer(parameters) || !parameters.has('server_no_context_takeover')) return undefined
  const bits = parameters.get('client_max_window_bits')
  if (bits === undefined) return 15
  // 7.1.2.2: an answer has a value. zlib makes no smaller window.
  return bits === true || Number(bits) < MIN_WINDOW_BITS ? undefined : Number(bits)
}
