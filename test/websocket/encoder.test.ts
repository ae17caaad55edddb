// What the encoder makes is what RFC 6455 draws, masked as it should be, and what may not be sent
// is refused.
import { WebSocketDecoder, WebSocketEncoder } from 'pollport/websocket'
import { describe, expect, test } from 'vitest'
import { codeOf } from '../support/raw-pair.ts'
import { decode, frame, KEY } from './frames.ts'

const server = new WebSocketEncoder({ role: 'server' })
// The masking key of RFC 6455, 5.7, its first byte the lowest.
const client = new WebSocketEncoder({ role: 'client', maskingKey: () => 0x3d21fa37 })

describe('RFC 6455, 5.2 to 5.6: frames', () => {
  test.each([0, 1, 125, 126, 65_535, 65_536])('a payload of %d bytes', (length) => {
    const payload = Buffer.alloc(length, 0x61)
    for (const [opcode, isText] of [
      [1, true],
      [2, false]
    ] as const) {
      expect(server.encode(payload, { isText }).equals(frame({ opcode, payload, key: null }))).toBe(
        true
      )
      expect(client.encode(payload, { isText }).equals(frame({ opcode, payload, key: KEY }))).toBe(
        true
      )
    }
  })

  test('the examples of 5.7', () => {
    expect(server.encode('Hello').toString('hex')).toBe('810548656c6c6f')
    expect(client.encode('Hello').toString('hex')).toBe('818537fa213d7f9f4d5158')
    expect(server.ping('Hello').toString('hex')).toBe('890548656c6c6f')
    expect(client.pong('Hello').toString('hex')).toBe('8a8537fa213d7f9f4d5158')
    const parts = [
      server.encodeFragment('Hel', { isLast: false }),
      server.encodeFragment('lo', { isContinuation: true })
    ]
    expect(Buffer.concat(parts).toString('hex')).toBe('010348656c80026c6f')
  })

  test('a string is text, as UTF-8, and bytes are binary, unless isText says otherwise', () => {
    const stream = [
      server.encode('é😀'),
      server.encode(Buffer.from('é')),
      server.encode('é', { isText: false })
    ]
    expect(decode(Buffer.concat(stream), { role: 'client' })).toEqual([
      'text é😀',
      'binary c3a9',
      'binary c3a9'
    ])
  })

  test('a string that is no text of Unicode becomes one', () => {
    expect(decode(server.encode('\ud800x'), { role: 'client' })).toEqual(['text \ufffdx'])
  })

  test('the bytes that are given are left as they are', () => {
    const payload = Buffer.from('unchanged, and long enough for words')
    client.encode(payload)
    expect(payload.toString()).toBe('unchanged, and long enough for words')
  })
})

test('RFC 6455, 5.3: keys are not the same twice', () => {
  const encoder = new WebSocketEncoder({ role: 'client' })
  const keys = new Set(Array.from({ length: 3000 }, () => encoder.encode('').toString('hex')))
  expect(keys.size).toBeGreaterThan(2990)
})

test('RFC 6455, 5.5.1: a close has a code and a reason, or neither', () => {
  expect(server.close().toString('hex')).toBe('880203e8')
  expect(server.close(1005).toString('hex')).toBe('8800')
  expect(server.close(4999, 'é').toString('hex')).toBe('88041387c3a9')
})

test('what may not be sent is refused', () => {
  const codes = [
    ...[0, 999, 1004, 1006, 1015, 1016, 2999, 5000, 1000.5].map((code) => () => server.close(code)),
    () => server.close(1005, 'reason'),
    () => server.close(1000, '*'.repeat(124)),
    () => server.ping(Buffer.alloc(126)),
    () => server.pong('é'.repeat(63))
  ].map(codeOf)
  expect(new Set(codes)).toEqual(new Set(['ERR_OUT_OF_RANGE']))
  expect(codeOf(() => server.encode(1 as never))).toBe('ERR_INVALID_ARG_TYPE')
  expect(codeOf(() => server.encode('x', { compress: true }))).toBe('ERR_INVALID_ARG_VALUE')
  expect(codeOf(() => new WebSocketEncoder({ role: 'x' as never }))).toBe('ERR_INVALID_ARG_VALUE')
})

test('what one side encodes the other side decodes, byte for byte', () => {
  const payload = Buffer.from(Array.from({ length: 1000 }, (_, at) => at))
  for (let length = 0; length < 300; length++) {
    const data = payload.subarray(0, length)
    const seen: string[] = []
    new WebSocketDecoder({ role: 'server' }).push(client.encode(data), {
      onMessage: (message) => void seen.push(message.toString('hex')),
      onPing: () => {},
      onPong: () => {},
      onClose: () => {}
    })
    expect(seen).toEqual([data.toString('hex')])
  }
})

test('an option that does not exist is refused, and the error says which is meant', () => {
  const role = 'server'
  const messageOf = (make: () => unknown) => {
    try {
      make()
    } catch (error) {
      return (error as Error).message
    }
    return 'nothing was thrown'
  }
  expect(messageOf(() => new WebSocketEncoder({ role, maskingKeys: 1 } as never))).toBe(
    "options.maskingKeys does not exist: did you mean 'maskingKey'?"
  )
  expect(messageOf(() => new WebSocketDecoder({ role, maxMessage: 1 } as never))).toBe(
    "options.maxMessage does not exist: did you mean 'maxMessageBytes'?"
  )
  expect(messageOf(() => new WebSocketEncoder({ role, compression: { lvel: 1 } as never }))).toBe(
    "compression.lvel does not exist: did you mean 'level'?"
  )
})
