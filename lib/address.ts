// End points: text for people, 24 packed bytes for native code (PACKED_ADDRESS in
// binding/records.ts). Refuses names: resolving blocks. What a scope means, the system says.
import { isIPv4 } from 'node:net'
import { addon } from './binding/load.ts'
import { PACKED_ADDRESS } from './binding/records.ts'
import { invalidAddress, invalidArgType, invalidArgValue } from './errors.ts'
import { formatIpv6, parseIpv6 } from './ipv6.ts'
import { port as checkPort, object } from './validate.ts'

/** An IPv4 end point as one number: the address, then 16 bits of port. */
export type CompactAddress = number
const PORTS = 65_536

const {
  bytes: PACKED_BYTES,
  family: FAMILY,
  flag: FLAG,
  port: PORT,
  scope: SCOPE,
  address: ADDRESS
} = PACKED_ADDRESS

/**
 * A numeric address and a port: where a socket is bound, or where it connects or sends to.
 * @category Common
 */
export interface EndPoint {
  /**
   * A numeric IPv4 or IPv6 address: `'127.0.0.1'`, `'::1'`, `'0.0.0.0'`, `'fe80::1%eth0'`. A host
   * name is refused with `ERR_INVALID_ADDRESS`: resolve it with `node:dns` first.
   */
  address: string
  /** 0 to 65,535. When you bind, 0 lets the system choose. */
  port: number
}

/**
 * A numeric address with a port. The properties that tell you an address (`localAddress`,
 * `remoteAddress`, a datagram's `address`) are of this class. It fits wherever an {@link EndPoint}
 * does, and sending to it is quickest, since its text is not parsed again.
 * @category Common
 * @example
 * ```ts
 * import { SocketAddress } from 'pollport'
 *
 * const address = new SocketAddress({ address: '::1', port: 4000 })
 * console.log(address.family, String(address)) // ipv6 [::1]:4000
 * ```
 */
export class SocketAddress {
  // IPv4 as one number, so that an address a datagram costs no text; IPv6 as packed bytes.
  readonly #ipv4: number
  readonly #ipv6: Uint8Array | undefined
  readonly #port: number
  #text: string | undefined

  /**
   * Parses an address.
   * @param endPoint a numeric address and a port; `family` only checks that the address is of that
   *   family
   * @throws TypeError `ERR_INVALID_ADDRESS` if the address is not numeric, `ERR_INVALID_ARG_VALUE`
   *   if it is not of `family`; RangeError `ERR_OUT_OF_RANGE` for a port outside 0 to 65,535; Error
   *   `ERR_ADDON_NOT_FOUND` or `ERR_UNSUPPORTED_PLATFORM` for a scope where there is no addon
   */
  constructor(endPoint: EndPoint & { family?: string | undefined }) {
    if (endPoint instanceof Packed) {
      this.#ipv4 = endPoint.ipv4
      this.#ipv6 = endPoint.ipv6
      this.#port = endPoint.port
      return
    }
    const packed = parse(endPoint)
    this.#port = endPoint.port
    this.#ipv6 = packed[FAMILY] === 6 ? packed : undefined
    this.#ipv4 = readIpv4(packed, 0)
    const { family } = endPoint
    // Node writes 'IPv4'.
    if (family !== undefined && String(family).toLowerCase() !== this.family)
      throw invalidArgValue('family', family, `${this.address} is ${this.family}`)
  }

  /** The numeric address: `'127.0.0.1'`, `'::1'`, `'fe80::1%eth0'`. */
  get address(): string {
    this.#text ??= this.#ipv6 === undefined ? ipv4Text(this.#ipv4) : ipv6Text(this.#ipv6)
    return this.#text
  }

  /** The port, 0 to 65,535. */
  get port(): number {
    return this.#port
  }

  /** `'ipv4'` or `'ipv6'`. */
  get family(): 'ipv4' | 'ipv6' {
    return this.#ipv6 === undefined ? 'ipv4' : 'ipv6'
  }

  /** As text: `'127.0.0.1:80'`, `'[::1]:80'`. */
  toString(): string {
    return this.#ipv6 === undefined
      ? `${this.address}:${this.port}`
      : `[${this.address}]:${this.port}`
  }

  /** For `JSON.stringify`: a plain object, from which the constructor makes an equal address. */
  toJSON(): Pick<SocketAddress, 'address' | 'port' | 'family'> {
    return { address: this.address, port: this.port, family: this.family }
  }

  /** For `util.inspect` and `console.log`. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `SocketAddress ${this.toString()}`
  }

  /** @internal Copies what it needs. */
  static fromPacked(bytes: Uint8Array, offset: number): SocketAddress {
    const isIpv6 = bytes[offset + FAMILY] === 6
    const ipv6 = isIpv6
      ? Uint8Array.prototype.slice.call(bytes, offset, offset + PACKED_BYTES)
      : undefined
    return new SocketAddress(
      parts.set(isIpv6 ? 0 : readIpv4(bytes, offset), ipv6, readPort(bytes, offset))
    )
  }

  /**
   * @internal The same where tens of thousands are kept and few are asked for: an IPv4 end point
   *   as a number.
   */
  static compactFromPacked(bytes: Uint8Array, offset: number): CompactAddress | SocketAddress {
    if (bytes[offset + FAMILY] === 6) return SocketAddress.fromPacked(bytes, offset)
    return (readIpv4(bytes, offset) >>> 0) * PORTS + readPort(bytes, offset)
  }

  /** @internal The same of an address that is there. */
  get _compact(): CompactAddress | SocketAddress {
    const isKept = this.#ipv6 === undefined && this.#port !== 0 // 0 stands for no address
    return isKept ? (this.#ipv4 >>> 0) * PORTS + this.#port : this
  }

  /** @internal */
  static fromCompact(compact: CompactAddress): SocketAddress {
    // ToInt32 takes the quotient modulo 2^32, which is how the bits of an IPv4 address are kept.
    return new SocketAddress(parts.set(Math.floor(compact / PORTS) | 0, undefined, compact % PORTS))
  }

  /** @internal */
  packInto(out: Uint8Array, offset: number): 4 | 6 {
    if (this.#ipv6 !== undefined) {
      out.set(this.#ipv6, offset)
      return 6
    }
    // The other bytes of an IPv4 address are never read. One by one, since a call to fill() costs
    // more than all of this.
    out[offset + FAMILY] = 4
    out[offset + FLAG] = 0
    out[offset + SCOPE] = 0
    out[offset + SCOPE + 1] = 0
    out[offset + SCOPE + 2] = 0
    out[offset + SCOPE + 3] = 0
    out[offset + PORT] = this.#port
    out[offset + PORT + 1] = this.#port >> 8
    out[offset + ADDRESS] = this.#ipv4 >>> 24
    out[offset + ADDRESS + 1] = this.#ipv4 >>> 16
    out[offset + ADDRESS + 2] = this.#ipv4 >>> 8
    out[offset + ADDRESS + 3] = this.#ipv4
    return 4
  }
}

/** What fromPacked hands to the constructor: parsed already. */
class Packed implements EndPoint {
  readonly address = ''
  ipv4 = 0
  ipv6: Uint8Array | undefined
  port = 0

  set(ipv4: number, ipv6: Uint8Array | undefined, port: number): this {
    this.ipv4 = ipv4
    this.ipv6 = ipv6
    this.port = port
    return this
  }
}

// One for all: the constructor copies what it says, and a datagram makes no object but its address.
const parts = new Packed()

/** @internal */
export function packed(where: SocketAddress | EndPoint): Uint8Array {
  if (!(where instanceof SocketAddress)) return parse(where)
  const out = new Uint8Array(PACKED_BYTES)
  where.packInto(out, 0)
  return out
}

/** @internal */
export function familyOf(where: SocketAddress | EndPoint): 'ipv4' | 'ipv6' {
  if (where instanceof SocketAddress) return where.family
  return parse(where)[FAMILY] === 6 ? 'ipv6' : 'ipv4'
}

// A program sends to the same few texts again and again. When full it starts afresh, which costs
// one parse each.
const MAX_PARSED = 1024
const parsed = new Map<string, Uint8Array>()

/** A copy of the packed form of a validated end point. */
function parse(endPoint: EndPoint): Uint8Array {
  object(endPoint, 'address')
  const { address, port } = endPoint
  if (typeof address !== 'string') throw invalidArgType('address', wantedOf(endPoint), address)
  checkPort(port)
  let known = parsed.get(address)
  if (known === undefined) {
    known = new Uint8Array(PACKED_BYTES)
    if (!parseInto(address, known)) throw invalidAddress(address)
    // A scope's name may come to mean another interface.
    if (!address.includes('%')) {
      if (parsed.size >= MAX_PARSED) parsed.clear()
      parsed.set(address, known)
    }
  }
  const packed = known.slice()
  packed[PORT] = port
  packed[PORT + 1] = port >> 8
  return packed
}

/** Node's own options of sockets name an address otherwise. */
function wantedOf(endPoint: object): string {
  const name = ['host', 'hostname'].find((one) => one in endPoint)
  return name === undefined ? 'a string' : `a string (did you mean 'address' by '${name}'?)`
}

function parseInto(text: string, out: Uint8Array): boolean {
  // Interfaces have names and numbers, which the system knows.
  if (text.includes('%')) return addon().addressParse(text, 0, out) === 0
  if (isIPv4(text)) {
    out[FAMILY] = 4
    out.set(text.split('.').map(Number), ADDRESS)
    return true
  }
  out[FAMILY] = 6
  return parseIpv6(text, out, ADDRESS)
}

function readIpv4(bytes: Uint8Array, offset: number): number {
  const at = offset + ADDRESS
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
}

function readPort(bytes: Uint8Array, offset: number): number {
  return bytes[offset + PORT] | (bytes[offset + PORT + 1] << 8)
}

function ipv4Text(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`
}

function ipv6Text(packed: Uint8Array): string {
  return isScoped(packed, 0) ? addon().addressFormat(packed, 0) : formatIpv6(packed, ADDRESS)
}

/** Whether a packed address is one of a single interface. */
export function isScoped(packed: Uint8Array, offset: number): boolean {
  if (packed[offset + FAMILY] !== 6) return false
  for (let at = offset + SCOPE; at < offset + ADDRESS; at++) if (packed[at] !== 0) return true
  return false
}
