// The header by which a TCP proxy says whose connection it passes on: version 2 of HAProxy's PROXY
// protocol ("The PROXY protocol", sections 2.2 and 2.3). It comes first, before TLS, and in pieces
// of any size. Pure.

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const HEAD_BYTES = 16
/** Addresses and what may follow them; proxies send some hundred bytes at most. */
const MAX_BODY_BYTES = 1_024
const LOCAL = 0
const PROXY = 1
const TCP4 = 0x11
const TCP6 = 0x21
/** Of a connection that has no address, as by a socket of the proxy's own machine. */
const UNSPEC = 0x00

/** The bytes that are no such header. */
export class ProxyHeaderError extends Error {}

/** What came of it: whose connection it is, and the bytes after it. */
export interface ProxyHeader {
  /** undefined: the proxy's own connection, as for a health check. */
  address: string | undefined
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
    const hasNone = command === LOCAL || bytes[13] === UNSPEC
    const address = hasNone ? undefined : addressIn(bytes[13], body)
    return { address, rest: bytes.subarray(end) }
  }
}

/** Whether bytes may be the beginning of such a header. */
export function looksLikeProxyHeader(data: Uint8Array): boolean {
  const start = data.subarray(0, SIGNATURE.length)
  return SIGNATURE.subarray(0, start.length).equals(start)
}

function addressIn(family: number, body: Buffer): string {
  if (family === TCP4 && body.length >= 12) return [...body.subarray(0, 4)].join('.')
  if (family === TCP6 && body.length >= 36) {
    const groups = Array.from({ length: 8 }, (_, at) => body.readUInt16BE(2 * at).toString(16))
    return groups.join(':')
  }
  throw new ProxyHeaderError('a PROXY header without the address of a TCP client')
}
