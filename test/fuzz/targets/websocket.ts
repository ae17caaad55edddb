// WebSocket frames: whatever a stream holds, and however it is cut, the decoder gives the same or
// fails with the same close code, keeps no more than it may, and what it gave can be sent again.
// Input: the role and whether messages may be compressed, the limits, the first cut, the stream.
import assert from 'node:assert/strict'
import { WebSocketDecoder } from '../../../lib/websocket/decoder.ts'
import { WebSocketEncoder } from '../../../lib/websocket/encoder.ts'
import { WebSocketError } from '../../../lib/websocket/websocket-error.ts'
import { Input } from '../input.ts'

type Options = ConstructorParameters<typeof WebSocketDecoder>[0]

interface Found {
  words: string[]
  messages: { data: Buffer; isText: boolean }[]
}

function decoded(stream: Uint8Array, cuts: Iterable<number>, options: Options): Found {
  const decoder = new WebSocketDecoder(options)
  const found: Found = { words: [], messages: [] }
  const { words, messages } = found
  let at = 0
  for (const cut of [...cuts, stream.length]) {
    const chunk = new Uint8Array(stream.subarray(at, Math.max(cut, at)))
    at += chunk.length
    try {
      decoder.push(chunk, {
        onMessage(data, isText) {
          words.push(`${isText ? 'text' : 'binary'} ${data.toString('hex')}`)
          messages.push({ data: Buffer.from(data), isText })
          assert(data.length <= (options.maxMessageBytes as number), 'no message is over the limit')
        },
        onPing: (data) => words.push(`ping ${data.toString('hex')}`),
        onPong: (data) => words.push(`pong ${data.toString('hex')}`),
        onClose: (code, reason) => words.push(`close ${code} ${reason}`)
      })
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error
      words.push(`fails ${error.closeCode}`)
      return found
    }
    chunk.fill(0xaa) // what the decoder keeps must be its own
    assert(decoder.bufferedBytes <= (options.maxMessageBytes as number), 'it keeps no more')
  }
  return found
}

export function fuzz(data: Uint8Array): void {
  const input = new Input(data)
  const flags = input.byte()
  const role = (flags & 1) === 0 ? 'server' : 'client'
  const options: Options = {
    role,
    compression: (flags & 2) !== 0,
    maxMessageBytes: input.byte() * 16,
    maxFragments: 1 + input.below(8)
  }
  const firstCut = input.byte()
  const stream = input.rest()
  const whole = decoded(stream, [], options)
  assert.deepEqual(decoded(stream, stream.keys(), options).words, whole.words, 'byte by byte')
  const cuts = [firstCut, firstCut * 2]
  assert.deepEqual(decoded(stream, cuts, options).words, whole.words, `cut at ${firstCut}`)
  const encoder = new WebSocketEncoder({ role: role === 'server' ? 'client' : 'server' })
  const again = Buffer.concat(
    whole.messages.map((message) => encoder.encode(message.data, { isText: message.isText }))
  )
  assert.deepEqual(decoded(again, [], options).messages, whole.messages, 'sent again')
}
