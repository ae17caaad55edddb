// Frames come out as they went in, however the stream is cut, and a frame that is too long ends it
// before memory is spent.
import { FrameDecoder, FrameEncoder, FrameTooLargeError } from 'pollport'
import { describe, expect, test } from 'vitest'
import { newSeed, patternBytes, randomFrom } from '../support/poller-random.ts'
import { codeOf } from '../support/raw-pair.ts'

const sizes = [1, 2, 4] as const

function decodeAll(decoder: FrameDecoder, chunks: Iterable<Uint8Array>): string[] {
  const frames: string[] = []
  for (const chunk of chunks)
    for (const frame of decoder.push(chunk)) frames.push(frame.toString('latin1'))
  return frames
}

describe.each(sizes)('with %d length bytes', (lengthBytes) => {
  test('a frame is its length, big-endian, then the payload; a string is UTF-8', () => {
    const encoder = new FrameEncoder({ lengthBytes })
    expect(encoder.encode('é')).toEqual(
      Buffer.from([...Array(lengthBytes - 1).fill(0), 2, 0xc3, 0xa9])
    )
    expect(encoder.encode(new Uint8Array([7]))).toEqual(
      Buffer.from([...Array(lengthBytes - 1).fill(0), 1, 7])
    )
    expect(encoder.encode('')).toEqual(Buffer.alloc(lengthBytes))
  })

  test('a stream cut in two at any byte gives the same frames', () => {
    const encoder = new FrameEncoder({ lengthBytes })
    const payloads = ['', 'a', 'hello', '', 'x'.repeat(100)]
    const stream = Buffer.concat(payloads.map((payload) => encoder.encode(payload)))
    for (let cut = 0; cut <= stream.length; cut++) {
      const decoder = new FrameDecoder({ lengthBytes })
      expect(
        decodeAll(decoder, [stream.subarray(0, cut), stream.subarray(cut)]),
        `cut at ${cut}`
      ).toEqual(payloads)
      expect(decoder.bufferedBytes).toBe(0)
    }
  })

  test('a stream that comes byte by byte gives the same frames', () => {
    const encoder = new FrameEncoder({ lengthBytes })
    const stream = Buffer.concat(['one', '', 'three'].map((payload) => encoder.encode(payload)))
    const bytes = Array.from(stream, (_, at) => stream.subarray(at, at + 1))
    expect(decodeAll(new FrameDecoder({ lengthBytes }), bytes)).toEqual(['one', '', 'three'])
  })

  test('random frames in random pieces', () => {
    const seed = newSeed()
    const random = randomFrom(seed)
    const encoder = new FrameEncoder({ lengthBytes })
    const payloads = Array.from({ length: 200 }, (_, number) =>
      patternBytes(random(lengthBytes === 1 ? 256 : 3000), number)
    )
    const stream = Buffer.concat(payloads.map((payload) => encoder.encode(payload)))
    const chunks: Buffer[] = []
    for (let at = 0; at < stream.length; ) {
      const length = 1 + random(1000)
      // A copy that is wiped afterwards, as a poller's receive buffer is.
      chunks.push(Buffer.from(stream.subarray(at, at + length)))
      at += length
    }
    const decoder = new FrameDecoder({ lengthBytes })
    let next = 0
    for (const chunk of chunks) {
      for (const frame of decoder.push(chunk))
        expect(frame.equals(payloads[next++]), `seed ${seed}, frame ${next}`).toBe(true)
      chunk.fill(0xee)
    }
    expect(next).toBe(payloads.length)
  })

  test('the longest frame passes, one byte more is ERR_FRAME_TOO_LARGE on both sides', () => {
    const options = { lengthBytes, maxFrameBytes: 10 }
    const frame = new FrameEncoder(options).encode('0123456789')
    expect(decodeAll(new FrameDecoder(options), [frame])).toEqual(['0123456789'])
    expect(codeOf(() => new FrameEncoder(options).encode('0123456789a'))).toBe(
      'ERR_FRAME_TOO_LARGE'
    )
    const longer = new FrameEncoder({ lengthBytes }).encode('0123456789a')
    expect(codeOf(() => decodeAll(new FrameDecoder(options), [longer]))).toBe('ERR_FRAME_TOO_LARGE')
    expect(() => new FrameEncoder(options).encode('0123456789a')).toThrow(FrameTooLargeError)
  })
})

test('a frame that is too long is refused by its length alone, and nothing is kept for it', () => {
  const decoder = new FrameDecoder({ lengthBytes: 4, maxFrameBytes: 100 })
  expect(codeOf(() => [...decoder.push(Buffer.from([0xff, 0xff, 0xff, 0xff]))])).toBe(
    'ERR_FRAME_TOO_LARGE'
  )
  expect(decoder.bufferedBytes).toBe(0)
})

test('the frames before one that is too long are given out first; afterwards every push throws', () => {
  const decoder = new FrameDecoder({ lengthBytes: 1, maxFrameBytes: 3 })
  const seen: string[] = []
  expect(
    codeOf(() => {
      for (const frame of decoder.push(Buffer.from([1, 65, 2, 66, 67, 9, 1, 1])))
        seen.push(String(frame))
    })
  ).toBe('ERR_FRAME_TOO_LARGE')
  expect(seen).toEqual(['A', 'BC'])
  expect(codeOf(() => decoder.push(Buffer.from([1, 65])))).toBe('ERR_FRAME_TOO_LARGE')
})

test('a length that promises much makes nobody hold much: memory grows with what has come', () => {
  const decoder = new FrameDecoder({ lengthBytes: 4, maxFrameBytes: 0xffff_ffff })
  const before = process.memoryUsage().arrayBuffers
  expect([...decoder.push(Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 2, 3]))]).toEqual([])
  expect(decoder.bufferedBytes).toBe(7)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024)
})

test('a program that stops in the middle of the frames of a chunk loses none of the stream after them', () => {
  const encoder = new FrameEncoder({ lengthBytes: 2 })
  const decoder = new FrameDecoder({ lengthBytes: 2 })
  const stream = Buffer.concat(['one', 'two', 'three'].map((payload) => encoder.encode(payload)))
  for (const frame of decoder.push(stream.subarray(0, 8))) {
    expect(String(frame)).toBe('one')
    break
  }
  expect([...decoder.push(stream.subarray(8))].map(String)).toEqual(['two', 'three'])
})

test('options and arguments that make no sense are refused', () => {
  for (const make of [
    (options: never) => new FrameEncoder(options),
    (options: never) => new FrameDecoder(options)
  ]) {
    expect(codeOf(() => make({ lengthBytes: 3 } as never))).toBe('ERR_INVALID_ARG_VALUE')
    expect(codeOf(() => make({ lengthBytes: 1, maxFrameBytes: 256 } as never))).toBe(
      'ERR_OUT_OF_RANGE'
    )
    expect(codeOf(() => make({ maxFrameBytes: -1 } as never))).toBe('ERR_OUT_OF_RANGE')
    expect(codeOf(() => make(null as never))).toBe('ERR_INVALID_ARG_TYPE')
  }
  expect(codeOf(() => new FrameEncoder().encode(5 as never))).toBe('ERR_INVALID_ARG_TYPE')
  expect(codeOf(() => new FrameDecoder().push('text' as never))).toBe('ERR_INVALID_ARG_TYPE')
})
