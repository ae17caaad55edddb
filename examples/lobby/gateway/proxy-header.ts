// The header by which a TCP proxy says whose connection it passes on: version 2 of HAProxy's PROXY
// protocol ("The PROXY protocol", sections 2.2 and 2.3), and whether that came to it over TLS. It
// comes first, before TLS, and in pieces of any size. Pure.

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const HEAD_BYTES = 16
/** Addresses and what may follow them; proxies send some hundred bytes at most. */
const MAX_BODY_BYTES = 1_024
const LOCAL = 0
const PROXY = 1
const TCP4 = 0x11
const TCP6 = 0x21
/** PP2_TYPE_SSL, of section 2.2.6; in the first byte of its value, the client is one of TLS. */
const SSL = 0x20
const LEAST_SSL_BYTES = 5
const CLIENT_SSL = 1
/** Before each value: its type, and its length. */
const TYPE_LENGTH_BYTES = 3
/** Of a connection that has no address, as by a socket of the proxy's own machine. */
const UNSPEC = 0x00

/** The bytes that are no such header. */
export class ProxyHeaderError extends Error {}

/** What came of it: whose connection it is, and the bytes after it. */
export interface ProxyHeader {
  /** undefined: the proxy's own connection, as for a health check. */
  address: string | undefined
  /** The client speaks TLS, and the proxy with it. */
  isSecure: boolean
  rest: Buffer
}

export class ProxyHeaderReader {
  #bytes: Buffer = Buffer.alloc(0)

  /**
   * Takes the next bytes; undefined while more have to come.
   * @throws ProxyHeaderError
   */
  push(data: Uint8Array): ProxyHeader | undefined {
    this.#bytes = Buffer.concat([this.#bytes, data])
    const bytes = this.#bytes
    const start = bytes.subarray(0, SIGNATURE.length)
    if (!SIGNATURE.subarray(0, start.length).equals(start))
      throw new ProxyHeaderError('no PROXY header of version 2')
    if (bytes.length < HEAD_BYTES) return undefined
    const version = bytes[12] >> 4
    const command = bytes[12] & 15
    const length = bytes.readUInt16BE(14)
    if (version !== 2 || command > PROXY || length > MAX_BODY_BYTES)
      throw new ProxyHeaderError('a PROXY header that no proxy sends')
    const end = HEAD_BYTES + length
    if (bytes.length < end) return undefined
    const body = bytes.subarray(HEAD_BYTES, end)
    const rest = bytes.subarray(end)
    if (command === LOCAL || bytes[13] === UNSPEC)
      return { address: undefined, isSecure: false, rest }
    const address = addressIn(bytes[13], body)
    const values = body.subarray(ADDRESS_BYTES.get(bytes[13]))
    return { address, isSecure: sayTls(values), rest }
  }
}

/** Whether bytes may be the beginning of such a header. */
export function looksLikeProxyHeader(data: Uint8Array): boolean {
  const start = data.subarray(0, SIGNATURE.length)
  return SIGNATURE.subarray(0, start.length).equals(start)
}

const ADDRESS_BYTES = new Map([
  [TCP4, 12],
  [TCP6, 36]
])

/** What comes after the addresses, each with its type and its length (section 2.2). */
function sayTls(values: Buffer): boolean {
  for (let at = 0; at + TYPE_LENGTH_BYTES < values.length; ) {
    const first = at + TYPE_LENGTH_BYTES
    const length = values.readUInt16BE(at + 1)
    const end = first + length
    if (values[at] === SSL)
      return length >= LEAST_SSL_BYTES && end <= values.length && (values[first] & CLIENT_SSL) !== 0
    at = end
  }
  return false
}

function addressIn(family: number, body: Buffer): string {
  if (body.length < (ADDRESS_BYTES.get(family) ?? Number.POSITIVE_INFINITY))
    throw new ProxyHeaderError('a PROXY header without the address of a TCP client')
  if (family === TCP4) return [...body.subarray(0, 4)].join('.')
  const groups = Array.from({ length: 8 }, (_, at) => body.readUInt16BE(2 * at).toString(16))
  return groups.join(':')
}
