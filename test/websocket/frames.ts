// What the tests of the codec share: frames written by hand as RFC 6455, 5.2 draws them, by other
// code than the library's, and an endpoint that says in words what a decoder gave it.
import { WebSocketDecoder, type WebSocketDecoderOptions, WebSocketError } from 'pollport/websocket'

export interface HandMade {
  opcode: number
  payload?: Uint8Array | string
  isLast?: boolean
  /** The three reserved bits, 0 to 7; RSV1 is 4. */
  reserved?: number
  /** The masking key; null for none. */
  key?: readonly [number, number, number, number] | null
  /** How many bytes the length takes beside the 7 bits: 0, 2 or 8. Default: the shortest. */
  lengthBytes?: 0 | 2 | 8
}

export const KEY = [0x37, 0xfa, 0x21, 0x3d] as const

/** One frame as a client sends it, unless `key` is null. */
export function frame(of: HandMade): Buffer {
  const { opcode, payload = '', isLast = true, reserved = 0, key = KEY } = of
  const data = Buffer.from(payload)
  const { lengthBytes = data.length < 126 ? 0 : data.length < 65_536 ? 2 : 8 } = of
  const parts: number[] = [(isLast ? 128 : 0) + reserved * 16 + opcode]
  const mask = key === null ? 0 : 128
  if (lengthBytes === 0) parts.push(mask + data.length)
  else parts.push(mask + (lengthBytes === 2 ? 126 : 127))
  for (let byte = lengthBytes - 1; byte >= 0; byte--)
    parts.push(Math.floor(data.length / 256 ** byte) % 256)
  if (key !== null) parts.push(...key)
  return Buffer.concat([
    Buffer.from(parts),
    data.map((byte, at) => (key === null ? byte : byte ^ key[at % 4]))
  ])
}

export const text = (payload: string | Uint8Array, more: Partial<HandMade> = {}): Buffer =>
  frame({ opcode: 1, payload, ...more })
export const binary = (payload: string | Uint8Array, more: Partial<HandMade> = {}): Buffer =>
  frame({ opcode: 2, payload, ...more })
export const goOn = (payload: string | Uint8Array, more: Partial<HandMade> = {}): Buffer =>
  frame({ opcode: 0, payload, ...more })
export const ping = (payload: string | Uint8Array = '', more: Partial<HandMade> = {}): Buffer =>
  frame({ opcode: 9, payload, ...more })
export const pong = (payload: string | Uint8Array = '', more: Partial<HandMade> = {}): Buffer =>
  frame({ opcode: 10, payload, ...more })

export function close(code?: number, reason: string | Uint8Array = ''): Buffer {
  if (code === undefined) return frame({ opcode: 8, payload: reason })
  const payload = Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)])
  return frame({ opcode: 8, payload })
}

/** The message is a first fragment: more follow. */
export const first = { isLast: false } as const

/** What was decoded, one word or two for each call; a failure is the last one. */
export type Words = string[]

export interface Decoding extends Partial<WebSocketDecoderOptions> {
  /** Where the stream is cut; default: nowhere. */
  cuts?: Iterable<number>
}

/** Gives a stream to a decoder of a server (unless `role` says otherwise). */
export function decode(stream: Uint8Array, options: Decoding = {}): Words {
  const { cuts = [], ...rest } = options
  const decoder = new WebSocketDecoder({ role: 'server', ...rest })
  const words: Words = []
  let at = 0
  for (const cut of [...cuts, stream.length]) {
    // A copy: the decoder unmasks in place.
    const chunk = Buffer.from(stream.subarray(at, cut))
    at = cut
    try {
      decoder.push(chunk, {
        onMessage: (data, isText) =>
          words.push(isText ? `text ${data.toString()}` : `binary ${data.toString('hex')}`),
        onPing: (data) => words.push(`ping ${data.toString('hex')}`),
        onPong: (data) => words.push(`pong ${data.toString('hex')}`),
        onClose: (code, reason) => words.push(`close ${code} ${reason}`.trim())
      })
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error
      words.push(`fails ${error.closeCode}`)
      return words
    }
    chunk.fill(0xaa) // what the decoder keeps must be its own
  }
  return words
}

/** Cut after every byte. */
export const byteByByte = (stream: Uint8Array): { cuts: Iterable<number> } => ({
  cuts: stream.keys()
})

/** Every so many bytes. */
export function* pieces(stream: Uint8Array, bytes: number): Generator<number> {
  for (let at = bytes; at < stream.length; at += bytes) yield at
}

/** For a table of cases that are numbered from 1. */
export const numbered = <T>(values: readonly T[]): [number, T][] =>
  values.map((value, at) => [at + 1, value])
