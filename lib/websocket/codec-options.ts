// What a decoder and an encoder are made with. Checked once and then shared: a server has one set
// for all of its connections.
import { randomFillSync } from 'node:crypto'
import { invalidArgValue } from '../errors.ts'
import { knownOptions, type OptionNames } from '../option-names.ts'
import { boolean, callback, integer } from '../validate.ts'
import type { DeflateOptions } from './deflate.ts'
import { Masking } from './masking.ts'

const DEFAULT_MAX_MESSAGE_BYTES = 1024 * 1024
const DEFAULT_MAX_FRAGMENTS = 1024
/** A Buffer of Node 20 may have 4 GiB; a length of a message is kept in 31 bits everywhere here. */
const MOST_BYTES = 2 ** 31 - 1
const DEFAULT_LEVEL = -1
const DEFAULT_WINDOW_BITS = 15

/** Which side of the connection one is: clients mask their frames, servers do not. */
export type WebSocketRole = 'server' | 'client'

/**
 * Options of a {@link WebSocketDecoder}.
 * @example
 * ```ts
 * import { WebSocketDecoder, type WebSocketDecoderOptions } from 'pollport/websocket'
 *
 * const options: WebSocketDecoderOptions = { role: 'server', maxMessageBytes: 4096 }
 * const decoder = new WebSocketDecoder(options)
 * console.log(decoder instanceof WebSocketDecoder) // true
 * ```
 */
export interface WebSocketDecoderOptions {
  /** The side that receives: a `'server'` refuses unmasked frames, a `'client'` masked ones. */
  role: WebSocketRole
  /**
   * The longest message, in bytes, 0 to 2^31-1: of all of its fragments, and when it is
   * decompressed. Default 1 MiB.
   */
  maxMessageBytes?: number | undefined
  /** How many frames a message may have, 1 to 2^31-1, also empty ones. Default 1,024. */
  maxFragments?: number | undefined
  /** Whether permessage-deflate was agreed on (RFC 7692). Default false. */
  compression?: boolean | undefined
}

/**
 * Options of a {@link WebSocketEncoder}.
 * @example
 * ```ts
 * import { WebSocketEncoder, type WebSocketEncoderOptions } from 'pollport/websocket'
 *
 * const options: WebSocketEncoderOptions = { role: 'server', compression: { level: 1 } }
 * console.log(new WebSocketEncoder(options).canCompress) // true
 * ```
 */
export interface WebSocketEncoderOptions {
  /** The side that sends: a `'client'` masks its frames. */
  role: WebSocketRole
  /**
   * If permessage-deflate was agreed on: how to compress. Default: `compress` is refused.
   */
  compression?: DeflateOptions | undefined
  /**
   * Where a client has its masking keys from, each an integer of 32 bits. Default: a random
   * generator that a peer cannot predict, as RFC 6455, 10.3 asks for; another one is for tests.
   */
  maskingKey?: (() => number) | undefined
}

const DECODER_OPTIONS: OptionNames<WebSocketDecoderOptions> = {
  role: true,
  maxMessageBytes: true,
  maxFragments: true,
  compression: true
}
const ENCODER_OPTIONS: OptionNames<WebSocketEncoderOptions> = {
  role: true,
  compression: true,
  maskingKey: true
}
const DEFLATE_OPTIONS: OptionNames<DeflateOptions> = { level: true, windowBits: true }

/** {@link WebSocketDecoderOptions}, checked. */
export class DecoderLimits implements WebSocketDecoderOptions {
  readonly role: WebSocketRole
  readonly isMasked: boolean
  readonly maxMessageBytes: number
  readonly maxFragments: number
  readonly compression: boolean
  readonly masking: Masking = new Masking()

  constructor(options: WebSocketDecoderOptions) {
    const {
      role,
      maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES,
      maxFragments = DEFAULT_MAX_FRAGMENTS,
      compression = false
    } = knownOptions(options, DECODER_OPTIONS)
    this.role = checkRole(role)
    this.isMasked = role === 'server'
    this.maxMessageBytes = integer(maxMessageBytes, 'maxMessageBytes', 0, MOST_BYTES)
    this.maxFragments = integer(maxFragments, 'maxFragments', 1, MOST_BYTES)
    this.compression = boolean(compression, 'compression')
  }
}

/** {@link WebSocketEncoderOptions}, checked. */
export class EncoderSettings implements WebSocketEncoderOptions {
  readonly role: WebSocketRole
  readonly isMasked: boolean
  readonly deflate: DeflateOptions | undefined
  readonly maskingKey: () => number
  readonly masking: Masking = new Masking()

  constructor(options: WebSocketEncoderOptions) {
    const { role, compression, maskingKey = randomKey } = knownOptions(options, ENCODER_OPTIONS)
    this.role = checkRole(role)
    this.isMasked = role === 'client'
    this.deflate = compression === undefined ? undefined : checkDeflate(compression)
    this.maskingKey = callback(maskingKey, 'maskingKey')
  }
}

/** Options of compression, checked. */
export function checkDeflate(options: DeflateOptions): DeflateOptions {
  const { level = DEFAULT_LEVEL, windowBits = DEFAULT_WINDOW_BITS } = knownOptions(
    options,
    DEFLATE_OPTIONS,
    'compression'
  )
  return {
    level: integer(level, 'level', -1, 9),
    // zlib makes no raw DEFLATE data with a window of 8 bits.
    windowBits: integer(windowBits, 'windowBits', 9, 15)
  }
}

function checkRole(role: unknown): WebSocketRole {
  if (role === 'server' || role === 'client') return role
  throw invalidArgValue('role', role, "it is 'server' or 'client'")
}

// Many at once: a call of the random generator for each frame would cost more than the frame.
const randomKeys = new Int32Array(1024)
let nextKey = randomKeys.length

function randomKey(): number {
  if (nextKey === randomKeys.length) {
    randomFillSync(randomKeys)
    nextKey = 0
  }
  return randomKeys[nextKey++]
}
