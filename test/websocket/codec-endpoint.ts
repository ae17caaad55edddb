// An endpoint without a network, as a server is: it echoes messages, answers pings, and closes as
// the RFC has it. What it sent is read by the other half of the codec.
import {
  WebSocketDecoder,
  type WebSocketDecoderOptions,
  WebSocketEncoder,
  WebSocketError
} from 'pollport/websocket'
import { decode, type Words } from './frames.ts'

export interface Receiving extends Partial<WebSocketDecoderOptions> {
  cuts?: Iterable<number>
}

/** What an echo server answers to a stream of a client, in words. */
export function answersTo(stream: Uint8Array, options: Receiving = {}): Words {
  const { cuts = [], ...limits } = options
  const decoder = new WebSocketDecoder({ role: 'server', maxMessageBytes: 2 ** 26, ...limits })
  const encoder = new WebSocketEncoder({ role: 'server' })
  const sent: Buffer[] = []
  const frames = {
    onMessage: (data: Buffer, isText: boolean) => void sent.push(encoder.encode(data, { isText })),
    onPing: (data: Buffer) => void sent.push(encoder.pong(data)),
    onPong: () => {},
    onClose: (code: number) => void sent.push(encoder.close(code))
  }
  let at = 0
  try {
    for (const cut of [...cuts, stream.length]) {
      decoder.push(Buffer.from(stream.subarray(at, cut)), frames)
      at = cut
    }
  } catch (error) {
    if (!(error instanceof WebSocketError)) throw error
    sent.push(encoder.close(error.closeCode))
  }
  return decode(Buffer.concat(sent), { role: 'client', maxMessageBytes: 2 ** 26 })
}
