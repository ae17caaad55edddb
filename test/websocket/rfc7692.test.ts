// RFC 7692, permessage-deflate, as the codec keeps it: section by section.

import { deflateRawSync, constants as zlib } from 'node:zlib'
import { WebSocketDecoder, WebSocketEncoder } from 'pollport/websocket'
import { describe, expect, test } from 'vitest'
import { newSeed, patternBytes, randomFrom } from '../support/poller-random.ts'
import { byteByByte, close, decode, first, goOn, ping, text } from './frames.ts'

const RSV1 = { reserved: 4 } as const
const compressed = { compression: true } as const
const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

describe('RFC 7692, 6: framing', () => {
  test('RSV1 on the first fragment says that the message is compressed', () => {
    const hello = bytes('f2 48 cd c9 c9 07 00')
    const parts = [text(hello.subarray(0, 3), { ...RSV1, ...first }), goOn(hello.subarray(3))]
    const stream = Buffer.concat([text(hello, RSV1), ...parts, text('plain')])
    const expected = ['text Hello', 'text Hello', 'text plain']
    expect(decode(stream, compressed)).toEqual(expected)
    expect(decode(stream, { ...compressed, ...byteByByte(stream) })).toEqual(expected)
  })

  test('RSV1 on a later fragment or a control frame fails: 1002', () => {
    const later = Buffer.concat([text('', { ...RSV1, ...first }), goOn('', RSV1)])
    expect(decode(later, compressed)).toEqual(['fails 1002'])
    expect(decode(ping('', RSV1), compressed)).toEqual(['fails 1002'])
  })

  test('RSV1 without the extension fails: 1002', () => {
    expect(decode(text('', RSV1))).toEqual(['fails 1002'])
  })

  test('a control frame between compressed fragments is not compressed', () => {
    const hello = bytes('f2 48 cd c9 c9 07 00')
    const stream = [
      text(hello.subarray(0, 3), { ...RSV1, ...first }),
      ping('now'),
      goOn(hello.subarray(3))
    ]
    expect(decode(Buffer.concat(stream), compressed)).toEqual(['ping 6e6f77', 'text Hello'])
  })
})

describe('RFC 7692, 7.2.3: its own examples', () => {
  test.each([
    ['7.2.3.1 one DEFLATE block', 'f2 48 cd c9 c9 07 00'],
    ['7.2.3.3 no compression', '00 05 00 fa ff 48 65 6c 6c 6f 00'],
    ['7.2.3.4 a block with BFINAL', 'f3 48 cd c9 c9 07 00 00'],
    ['7.2.3.5 two blocks', 'f2 48 05 00 00 00 ff ff ca c9 c9 07 00']
  ])('%s', (_, payload) => {
    expect(decode(text(bytes(payload), RSV1), compressed)).toEqual(['text Hello'])
  })

  test('7.2.3.6 an empty message', () => {
    expect(decode(text(bytes('00'), RSV1), compressed)).toEqual(['text '])
    expect(decode(text('', RSV1), compressed)).toEqual(['text '])
  })

  test('7.2.1 several streams, each ended by BFINAL', () => {
    const streams = ['Hel', 'lo ', 'World'].map((part) => deflateRawSync(part))
    expect(decode(text(Buffer.concat(streams), RSV1), compressed)).toEqual(['text Hello World'])
    const flood = Buffer.concat(Array.from({ length: 1000 }, () => deflateRawSync('')))
    expect(decode(text(flood, RSV1), compressed)).toEqual(['fails 1007'])
  })
})

describe('RFC 7692, 8: hostile data', () => {
  test('what is no DEFLATE data fails: 1007', () => {
    expect(decode(text(bytes('07 ff ff'), RSV1), compressed)).toEqual(['fails 1007'])
  })

  test('text is checked after it is decompressed: 1007', () => {
    const bad = deflateRawSync(Buffer.from([0xc3, 0x28]), { finishFlush: zlib.Z_SYNC_FLUSH })
    expect(decode(text(bad, RSV1), compressed)).toEqual(['fails 1007'])
  })

  test('a bomb is cut at maxMessageBytes: 1009', () => {
    const zeros = Buffer.alloc(64 * 1024 * 1024)
    const bomb = deflateRawSync(zeros, { finishFlush: zlib.Z_SYNC_FLUSH })
    expect(bomb.length).toBeLessThan(70_000)
    const before = process.memoryUsage().arrayBuffers
    expect(decode(text(bomb, RSV1), { ...compressed, maxMessageBytes: 100_000 })).toEqual([
      'fails 1009'
    ])
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024)
  })

  test('a message of exactly maxMessageBytes comes, of one more it fails', () => {
    const of = (length: number) =>
      text(deflateRawSync('*'.repeat(length), { finishFlush: zlib.Z_SYNC_FLUSH }), RSV1)
    const limits = { ...compressed, maxMessageBytes: 500 }
    expect(decode(of(500), limits)).toEqual([`text ${'*'.repeat(500)}`])
    expect(decode(of(501), limits)).toEqual(['fails 1009'])
    expect(decode(of(0), { ...compressed, maxMessageBytes: 1000 })).toEqual(['text '])
  })
})

describe('RFC 7692, 7.2.1: compressing', () => {
  test('what is compressed comes out as it went in, whatever the window', () => {
    const random = randomFrom(newSeed())
    for (const windowBits of [9, 12, 15]) {
      const encoder = new WebSocketEncoder({
        role: 'client',
        compression: { windowBits, level: 1 }
      })
      for (const length of [0, 1, 5, 1000, random(100_000)]) {
        const data = Buffer.concat([patternBytes(length >> 1), Buffer.alloc(length >> 1, 7)])
        const stream = encoder.encode(data, { compress: true })
        expect(stream[0]).toBe(0xc2)
        expect(decode(stream, compressed)).toEqual([`binary ${data.toString('hex')}`])
      }
    }
  })

  test('it is shorter, and the end of the last block is cut off', () => {
    const encoder = new WebSocketEncoder({ role: 'server', compression: {} })
    const stream = encoder.encode('*'.repeat(10_000), { compress: true })
    expect(stream.length).toBeLessThan(100)
    expect(stream.subarray(-4)).not.toEqual(bytes('00 00 ff ff'))
  })

  test('a fragment alone is not compressed', () => {
    const encoder = new WebSocketEncoder({ role: 'server', compression: {} })
    expect(() => encoder.encodeFragment('x', { compress: true, isLast: false })).toThrow(TypeError)
  })

  test('each message is compressed by itself', () => {
    const encoder = new WebSocketEncoder({ role: 'server', compression: {} })
    const [one, two] = [1, 2].map(() => encoder.encode('the same again', { compress: true }))
    expect(one).toEqual(two)
    const decoder = new WebSocketDecoder({ role: 'client', compression: true })
    const seen: string[] = []
    decoder.push(Buffer.concat([one, close(1000).subarray(0, 0), two]), {
      onMessage: (data) => void seen.push(data.toString()),
      onPing: () => {},
      onPong: () => {},
      onClose: () => {}
    })
    expect(seen).toEqual(['the same again', 'the same again'])
  })
})
