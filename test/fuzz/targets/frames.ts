// Frames: whatever a stream holds, and however it is cut, the decoder finds the same frames as this
// file's own few lines do, keeps no more than it may, and encodes back to the same bytes. Input:
// how long a length is, the limit, the first cut, then the stream.
import assert from 'node:assert/strict'
import { FrameDecoder, FrameEncoder, FrameTooLargeError } from '../../../lib/helpers/frames.ts'
import { Input } from '../input.ts'

interface Found {
  frames: string[]
  tooLarge: number | undefined
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** The frames of a whole stream, read without any state. */
function expected(stream: Uint8Array, lengthBytes: 1 | 2 | 4, maxFrameBytes: number): Found {
  const frames: string[] = []
  let at = 0
  while (stream.length - at >= lengthBytes) {
    let length = 0
    for (let digit = 0; digit < lengthBytes; digit++) length = length * 256 + stream[at + digit]
    if (length > maxFrameBytes) return { frames, tooLarge: length }
    if (stream.length - at - lengthBytes < length) break
    frames.push(hex(stream.slice(at + lengthBytes, at + lengthBytes + length)))
    at += lengthBytes + length
  }
  return { frames, tooLarge: undefined }
}

function decoded(
  stream: Uint8Array,
  cuts: Iterable<number>,
  lengthBytes: 1 | 2 | 4,
  maxFrameBytes: number
): Found {
  const decoder = new FrameDecoder({ lengthBytes, maxFrameBytes })
  const found: Found = { frames: [], tooLarge: undefined }
  let at = 0
  for (const cut of [...cuts, stream.length]) {
    const chunk = stream.slice(at, Math.max(cut, at))
    at += chunk.length
    try {
      for (const frame of decoder.push(chunk)) found.frames.push(hex(frame))
      assert.equal(found.tooLarge, undefined, 'a broken stream is not read on')
    } catch (error) {
      if (!(error instanceof FrameTooLargeError)) throw error
      assert.equal(error.maxFrameBytes, maxFrameBytes)
      found.tooLarge ??= error.frameBytes
    }
    chunk.fill(0xaa) // what the decoder keeps must be its own
    assert(
      decoder.bufferedBytes < lengthBytes + Math.max(maxFrameBytes, 1),
      'it keeps at most one unfinished frame'
    )
  }
  return found
}

export function fuzz(data: Uint8Array): void {
  const input = new Input(data)
  const lengthBytes = ([1, 2, 4] as const)[input.below(3)]
  const maxFrameBytes = Math.min(input.byte() * (1 + input.below(3)), 2 ** (8 * lengthBytes) - 1)
  const firstCut = input.byte()
  const stream = input.rest()

  const whole = expected(stream, lengthBytes, maxFrameBytes)
  assert.deepEqual(decoded(stream, [], lengthBytes, maxFrameBytes), whole, 'in one piece')
  assert.deepEqual(
    decoded(stream, stream.keys(), lengthBytes, maxFrameBytes),
    whole,
    'byte by byte'
  )
  assert.deepEqual(
    decoded(stream, [firstCut, firstCut * 2], lengthBytes, maxFrameBytes),
    whole,
    `cut at ${firstCut}`
  )
  // Every place where a stream may be cut in two; only of short ones, for this is quadratic.
  for (let cut = 1; stream.length <= 64 && cut < stream.length; cut++) {
    assert.deepEqual(decoded(stream, [cut], lengthBytes, maxFrameBytes), whole, `cut at ${cut}`)
  }

  const encoder = new FrameEncoder({ lengthBytes, maxFrameBytes })
  const again = Buffer.concat(
    whole.frames.map((frame) => encoder.encode(Buffer.from(frame, 'hex')))
  )
  assert.deepEqual(hex(again), hex(stream.subarray(0, again.length)), 'encoded again')
}
