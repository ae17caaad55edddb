// However the network cuts a stream, the decoder gives the same, and what it gives is a view where
// that can be.
import { WebSocketDecoder, WebSocketError, type WebSocketFrames } from 'pollport/websocket'
import { describe, expect, test } from 'vitest'
import { newSeed, patternBytes, randomFrom } from '../support/poller-random.ts'
import { codeOf } from '../support/raw-pair.ts'
import {
  binary,
  byteByByte,
  close,
  decode,
  first,
  frame,
  goOn,
  ping,
  pong,
  text
} from './frames.ts'

const ignore: WebSocketFrames = {
  onMessage: () => {},
  onPing: () => {},
  onPong: () => {},
  onClose: () => {}
}

const streams = {
  'all kinds of frames': Buffer.concat([
    text('hello'),
    binary(Buffer.alloc(200, 5)),
    text('κό', first),
    ping('in between'),
    goOn('σ', first),
    pong(),
    goOn('με 😀'),
    text(''),
    close(4000, 'dú')
  ]),
  'a frame that fails': Buffer.concat([text('hello'), frame({ opcode: 3 }), text('not read')]),
  'text that is not UTF-8': Buffer.concat([
    text('a', first),
    goOn(Buffer.from([0xe2, 0x28, 0xa1]))
  ]),
  'a message that is too long': Buffer.concat([text('ok'), binary(Buffer.alloc(301)), text('no')])
}

describe.each(Object.entries(streams))('%s', (_, stream) => {
  const whole = decode(stream, { maxMessageBytes: 300 })

  test('gives the same when it is cut in two at any byte', () => {
    for (let cut = 1; cut < stream.length; cut++)
      expect(decode(stream, { cuts: [cut], maxMessageBytes: 300 }), `cut at ${cut}`).toEqual(whole)
  })

  test('gives the same when it comes byte by byte', () => {
    expect(decode(stream, { ...byteByByte(stream), maxMessageBytes: 300 })).toEqual(whole)
  })
})

test('random messages in random fragments and random pieces come out as they went in', () => {
  const random = randomFrom(newSeed())
  const expected: string[] = []
  const frames: Buffer[] = []
  for (let number = 0; number < 100; number++) {
    const payload = patternBytes(random(random(3) === 0 ? 70_000 : 300), number)
    expected.push(`binary ${payload.toString('hex')}`)
    for (let at = 0, isLast = false; !isLast; ) {
      const end = at + random(payload.length + 1)
      isLast = end >= payload.length
      const key = [random(256), random(256), random(256), random(256)] as const
      const opcode = at === 0 ? 2 : 0
      // An empty first fragment would be followed by another first one.
      if (at === 0 && end === 0 && !isLast) continue
      frames.push(frame({ opcode, payload: payload.subarray(at, end), isLast, key }))
      at = end
    }
  }
  const stream = Buffer.concat(frames)
  const cuts: number[] = []
  for (let at = 0; at < stream.length; at += 1 + random(5000)) cuts.push(at)
  expect(decode(stream, { cuts })).toEqual(expected)
})

test('a message that came whole is a view of the chunk, unmasked in place', () => {
  const chunk = Buffer.concat([text('one'), binary('two'.repeat(100))])
  const seen: Buffer[] = []
  new WebSocketDecoder({ role: 'server' }).push(chunk, {
    ...ignore,
    onMessage: (data) => void seen.push(data)
  })
  expect(seen.map((data) => data.buffer === chunk.buffer)).toEqual([true, true])
  expect(seen.map(String)).toEqual(['one', 'two'.repeat(100)])
  expect(chunk.includes('twotwo')).toBe(true)
})

test('masks begin at any byte of memory, and bytes beside the payload stay as they are', () => {
  const lengths = [0, 1015].flatMap((from) => Array.from({ length: 40 }, (_, at) => from + at))
  for (let offset = 0; offset < 8; offset++) {
    for (const length of lengths) {
      const payload = patternBytes(length, offset)
      const memory = Buffer.alloc(length + 40, 0xee)
      const sent = binary(payload)
      sent.copy(memory, offset)
      const seen: string[] = []
      const chunk = new Uint8Array(memory.buffer, memory.byteOffset + offset, sent.length)
      new WebSocketDecoder({ role: 'server' }).push(chunk, {
        ...ignore,
        onMessage: (data) => void seen.push(data.toString('hex'))
      })
      expect(seen).toEqual([payload.toString('hex')])
      const beside = [memory.subarray(0, offset), memory.subarray(offset + sent.length)]
      expect(Buffer.concat(beside).every((byte) => byte === 0xee)).toBe(true)
    }
  }
})

test('text of one frame is checked whatever its length: one byte that is not UTF-8 fails it', () => {
  for (const length of [20, 1000, 1100, 5000]) {
    const payload = Buffer.from('é'.repeat(length))
    expect(decode(text(payload))).toEqual([`text ${payload}`])
    for (const at of [0, 7, length, 2 * length - 1]) {
      const broken = Buffer.from(payload)
      broken[at] = 0xff
      expect(decode(text(broken)), `byte ${at} of ${broken.length}`).toEqual(['fails 1007'])
    }
  }
})

test('after a failure every push throws the same error', () => {
  const decoder = new WebSocketDecoder({ role: 'server' })
  const thrown: unknown[] = []
  for (let round = 0; round < 2; round++) {
    try {
      decoder.push(frame({ opcode: 3 }), ignore)
    } catch (error) {
      thrown.push(error)
    }
  }
  expect(thrown[0]).toBeInstanceOf(WebSocketError)
  expect(thrown[0]).toMatchObject({ code: 'ERR_WEBSOCKET_PROTOCOL', closeCode: 1002 })
  expect(thrown[1]).toBe(thrown[0])
  expect(decoder.isOver).toBe(true)
})

test('stop() in a handler ends it within the chunk; what a handler throws does too', () => {
  const seen: string[] = []
  const decoder = new WebSocketDecoder({ role: 'server' })
  const frames = {
    ...ignore,
    onMessage(data: Buffer) {
      seen.push(data.toString())
      decoder.stop()
    }
  }
  decoder.push(Buffer.concat([text('a'), text('b')]), frames)
  decoder.push(text('c'), frames)
  expect(seen).toEqual(['a'])

  const other = new WebSocketDecoder({ role: 'server' })
  const throwing = {
    ...ignore,
    onMessage() {
      seen.push('once')
      throw new Error('from a handler')
    }
  }
  expect(() => other.push(Buffer.concat([text('a'), text('b')]), throwing)).toThrow(
    'from a handler'
  )
  other.push(text('c'), throwing)
  expect(seen).toEqual(['a', 'once'])
})

test('wrong options are refused', () => {
  const codes = [
    () => new WebSocketDecoder({ role: 'both' as never }),
    () => new WebSocketDecoder({ role: 'server', maxMessageBytes: -1 }),
    () => new WebSocketDecoder({ role: 'server', maxFragments: 0 }),
    () => new WebSocketDecoder({ role: 'server', compression: 1 as never }),
    () => new WebSocketDecoder(undefined as never),
    () => new WebSocketDecoder({ role: 'server' }).push('text' as never, ignore)
  ].map(codeOf)
  expect(codes).toEqual([
    'ERR_INVALID_ARG_VALUE',
    'ERR_OUT_OF_RANGE',
    'ERR_OUT_OF_RANGE',
    'ERR_INVALID_ARG_TYPE',
    'ERR_INVALID_ARG_TYPE',
    'ERR_INVALID_ARG_TYPE'
  ])
})
