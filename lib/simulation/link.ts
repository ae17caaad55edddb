// What a link does to packets: options, and how those of two hosts come together. Knows of hosts
// only which one it leads to.
import { packed } from '../address.ts'
import { PACKED_ADDRESS } from '../binding/records.ts'
import { invalidArgType, outOfRange } from '../errors.ts'
import { knownOptions, type OptionNames } from '../option-names.ts'
import { number } from '../validate.ts'
import { isIpv6 } from './addresses.ts'
import { EndTable } from './end-table.ts'
import type { SimulatedHost } from './host.ts'
import { IPV6_MORE_BYTES } from './packet.ts'
import type { TcpWire } from './tcp-endpoint.ts'

/**
 * What happens to packets on their way. Each way of a pair of hosts is a link of its own.
 * @category Simulation
 * @example
 * ```ts
 * import { type LinkOptions, SimulatedNetwork } from 'pollport/simulation'
 *
 * const mobile: LinkOptions = { latencyMs: { min: 40, mean: 80 }, jitterMs: 20, loss: 0.03 }
 * const network = new SimulatedNetwork({ seed: 1, mtuBytes: 1400 })
 * console.log(network.host('10.0.7.1', mobile).address) // 10.0.7.1
 * ```
 */
export interface LinkOptions {
  /**
   * How long a packet is on its way, in milliseconds: always so long, or `min` at least and `mean`
   * on average. Default 1.
   */
  latencyMs?: number | Latency | undefined
  /** Up to so much longer, evenly spread, so that packets overtake each other. Default 0. */
  jitterMs?: number | undefined
  /** The probability that a packet is lost, 0 to 1. Default 0. */
  loss?: number | undefined
  /** The probability that a packet arrives twice, 0 to 1. Default 0. */
  duplication?: number | undefined
  /**
   * How much goes over the link, headers included. What comes faster waits in a queue, and what
   * would wait longer than `queueMs` is lost. Default Infinity.
   */
  bandwidthBytesPerSecond?: number | undefined
  /** How long packets wait for a link of limited bandwidth at most. Default 200. */
  queueMs?: number | undefined
  /**
   * The largest packet, headers included: TCP cuts its segments so, and a datagram that is larger
   * travels in as many fragments and is lost if one of them is. Default 1,500.
   */
  mtuBytes?: number | undefined
}

/**
 * How long packets are on their way: no shorter than `min` and `mean` on average.
 * @category Simulation
 */
export interface Latency {
  /** Milliseconds, 0 or more. */
  min: number
  /** Milliseconds, `min` or more. */
  mean: number
}

export const LINK_OPTIONS: OptionNames<LinkOptions> = {
  latencyMs: true,
  jitterMs: true,
  loss: true,
  duplication: true,
  bandwidthBytesPerSecond: true,
  queueMs: true,
  mtuBytes: true
}

/** The same with every default in its place. */
export interface LinkSettings {
  readonly minLatencyMs: number
  readonly meanExtraMs: number
  readonly jitterMs: number
  readonly loss: number
  readonly duplication: number
  readonly bytesPerMs: number
  readonly queueMs: number
  readonly mtuBytes: number
}

const LEAST_MTU_BYTES = 576 // what every host takes whole (RFC 791)

/** Checks the options of one link. */
export function checkedLink(options: LinkOptions, called: string): LinkOptions {
  const given = knownOptions(options, LINK_OPTIONS, called)
  const { latencyMs } = given
  if (typeof latencyMs === 'number') number(latencyMs, 'latencyMs', 0, 1e9)
  else if (latencyMs !== undefined) {
    if (latencyMs === null || typeof latencyMs !== 'object')
      throw invalidArgType('latencyMs', 'a number or { min, mean }', latencyMs)
    number(latencyMs.min, 'latencyMs.min', 0, 1e9)
    if (number(latencyMs.mean, 'latencyMs.mean', 0, 1e9) < latencyMs.min)
      throw outOfRange('latencyMs.mean', 'at least latencyMs.min', latencyMs.mean)
  }
  if (given.jitterMs !== undefined) number(given.jitterMs, 'jitterMs', 0, 1e9)
  if (given.loss !== undefined) number(given.loss, 'loss', 0, 1)
  if (given.duplication !== undefined) number(given.duplication, 'duplication', 0, 1)
  if (given.bandwidthBytesPerSecond !== undefined && given.bandwidthBytesPerSecond !== Infinity)
    number(given.bandwidthBytesPerSecond, 'bandwidthBytesPerSecond', 1, Number.MAX_SAFE_INTEGER)
  if (given.queueMs !== undefined) number(given.queueMs, 'queueMs', 0, 1e9)
  if (given.mtuBytes !== undefined) number(given.mtuBytes, 'mtuBytes', LEAST_MTU_BYTES, 65_535)
  return { ...given }
}

/** Later ones come before earlier ones; what nobody says has its default. */
export function settledLink(...layers: readonly LinkOptions[]): LinkSettings {
  const all: LinkOptions = {}
  for (const layer of layers)
    for (const name of Object.keys(LINK_OPTIONS) as (keyof LinkOptions)[])
      if (layer[name] !== undefined) Object.assign(all, { [name]: layer[name] })
  const latency = all.latencyMs ?? 1
  const { min, mean } = typeof latency === 'number' ? { min: latency, mean: latency } : latency
  return {
    minLatencyMs: min,
    meanExtraMs: mean - min,
    jitterMs: all.jitterMs ?? 0,
    loss: all.loss ?? 0,
    duplication: all.duplication ?? 0,
    bytesPerMs: (all.bandwidthBytesPerSecond ?? Number.POSITIVE_INFINITY) / 1000,
    queueMs: all.queueMs ?? 200,
    mtuBytes: all.mtuBytes ?? 1500
  }
}

/** One way, from an address to another. */
export class Link {
  readonly from: string
  readonly to: string
  settings: LinkSettings
  /** Both addresses as numbers, for the trace. */
  readonly number: number
  /** What headers of its packets have beyond those of IPv4. */
  readonly moreHeaderBytes: number
  /** When it is free, if its bandwidth is limited. */
  freeAt = 0
  /** A host to itself: nothing is lost or cut. */
  readonly isLoopback: boolean
  /** A partition cuts it, or its host has crashed and it was a loopback. */
  isCut = false
  /** What its ends send by: the host whose address `from` is. */
  readonly wire: TcpWire
  /** Whose address `to` is. */
  target: SimulatedHost | undefined
  /** The other way. */
  back: Link | undefined
  /** The ends of connections whose packets leave over it. */
  readonly ends: EndTable = new EndTable()
  readonly #packedFrom: Uint8Array
  readonly #packedTo: Uint8Array

  constructor(
    wire: TcpWire,
    from: string,
    to: string,
    settings: LinkSettings,
    isLoopback: boolean
  ) {
    this.wire = wire
    this.from = from
    this.to = to
    this.settings = settings
    this.isLoopback = isLoopback
    this.number = numberOf(`${from} ${to}`)
    this.moreHeaderBytes = isIpv6(to) ? IPV6_MORE_BYTES : 0
    this.#packedFrom = packed({ address: from, port: 0 })
    this.#packedTo = packed({ address: to, port: 0 })
  }

  /** Writes its beginning and that port, as PACKED_ADDRESS says, for a socket of that family. */
  packFrom(port: number, isIpv6Socket: boolean, out: Uint8Array, offset: number): void {
    pack(this.#packedFrom, port, isIpv6Socket, out, offset)
  }

  /** The same of where it leads to. */
  packTo(port: number, isIpv6Socket: boolean, out: Uint8Array, offset: number): void {
    pack(this.#packedTo, port, isIpv6Socket, out, offset)
  }
}

function pack(
  address: Uint8Array,
  port: number,
  isIpv6Socket: boolean,
  out: Uint8Array,
  offset: number
): void {
  out.set(address, offset)
  out[offset + PACKED_ADDRESS.port] = port
  out[offset + PACKED_ADDRESS.port + 1] = port >> 8
  if (!isIpv6Socket || address[PACKED_ADDRESS.family] === 6) return
  // ::ffff: and the IPv4 address (RFC 4291, 2.5.5.2).
  const at = offset + PACKED_ADDRESS.address
  out[offset + PACKED_ADDRESS.family] = 6
  out.copyWithin(at + 12, at, at + 4)
  out.fill(0, at, at + 10)
  out.fill(0xff, at + 10, at + 12)
}

/** A number that a text has always: FNV-1a (draft-eastlake-fnv), 32 bits. */
function numberOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash
}
