// The cases 9, 12 and 13 of the well-known WebSocket test suite over TCP: long messages, many
// messages, and compression. What is sent waits for its echo, as in the suite.

import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import { connectWebSocket } from 'pollport/websocket'
import { expect } from 'vitest'
import { first, frame, goOn, pieces } from './frames.ts'
import { answerText, RawServer, unmasked } from './raw-server.ts'
import { ask, LOCAL, serve } from './serving.ts'
import { closed, end } from './suite-cases.ts'
import type { Endpoint } from './suite-endpoints.ts'
import { type Parameters, type Payload, sizes } from './suite-payloads.ts'

const TAIL = Buffer.from([0, 0, 255, 255])
const MOST = 2 ** 26
const limits = { maxMessageBytes: MOST, maxFragments: 2 ** 20, maxBufferedBytes: 2 ** 30 }

const opcodeOf = (isText: boolean): number => (isText ? 1 : 2)

/** A message in frames of so many bytes; of 0: in one. `reserved` is that of the first frame. */
export function fragmented(
  payload: Buffer,
  isText: boolean,
  fragmentBytes: number,
  reserved = 0
): Buffer {
  const cuts = fragmentBytes === 0 ? [] : [...pieces(payload, fragmentBytes)]
  const parts = [...cuts, payload.length].map((cut, at) => payload.subarray(cuts[at - 1] ?? 0, cut))
  return Buffer.concat(
    parts.map((part, at) => {
      const isLast = at === parts.length - 1
      if (at > 0) return goOn(part, { isLast })
      return frame({ opcode: opcodeOf(isText), payload: part, reserved, ...first, isLast })
    })
  )
}

/** One message, and its echo. */
export async function oneMessage(
  answersTo: Endpoint,
  of: { bytes: number; isText: boolean; fragmentBytes?: number; piecesOf?: number }
): Promise<void> {
  const { bytes, isText, fragmentBytes = 0, piecesOf } = of
  const payload = Buffer.alloc(bytes, 0x2a)
  const stream = Buffer.concat([fragmented(payload, isText, fragmentBytes), end])
  const answers = await answersTo(stream, { piecesOf, limits })
  expect(answers).toHaveLength(2)
  // No diff of 16 MiB.
  const expected = isText ? `text ${payload}` : `binary ${payload.toString('hex')}`
  expect(answers[0] === expected).toBe(true)
  expect(answers[1]).toBe(closed)
}

/** The other side of an echo, by bytes. */
interface Line {
  /** Who sends from here: it limits the window of only one side. */
  readonly isServer: boolean
  send(frames: Buffer): Promise<void>
  /** The next whole message: its first byte of header, and its payload, unmasked, as it came. */
  next(): Promise<{ first: number; payload: Buffer }>
}

interface Peer {
  readonly socket: import('node:net').Socket
  readonly frames: Buffer
  forgetReceived(): void
  write(data: Uint8Array): Promise<void>
}

function lineOf(peer: Peer, isServer: boolean): Line {
  // Without what was read: a thousand messages are many bytes.
  let kept = Buffer.from(peer.frames)
  let onMore = () => {}
  peer.socket.on('data', (data) => {
    peer.forgetReceived()
    kept = Buffer.concat([kept, data])
    onMore()
  })
  peer.socket.on('close', () => onMore())
  return {
    isServer,
    send: (frames) => peer.write(isServer ? unmasked(frames) : frames),
    async next() {
      for (;;) {
        const found = messageAt(kept)
        if (found !== undefined) {
          kept = kept.subarray(found.end)
          return found
        }
        if (peer.socket.destroyed) throw new Error('the connection is closed')
        await new Promise<void>((resolve) => {
          onMore = resolve
        })
      }
    }
  }
}

/** A message of one frame: endpoints here send no others. */
function messageAt(bytes: Buffer) {
  if (bytes.length < 2) return undefined
  const second = bytes[1]
  const short = second & 127
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
  const from = 2 + lengthBytes + (second >= 128 ? 4 : 0)
  if (bytes.length < from) return undefined
  const length =
    lengthBytes === 0
      ? short
      : lengthBytes === 2
        ? bytes.readUInt16BE(2)
        : Number(bytes.readBigUInt64BE(2))
  const end = from + length
  if (bytes.length < end) return undefined
  const payload = Buffer.from(bytes.subarray(from, end))
  if (second >= 128)
    for (let byte = 0; byte < length; byte++) payload[byte] ^= bytes[from - 4 + (byte & 3)]
  return { first: bytes[0], payload, end }
}

/** A line to an echo server, or from an echo client, with what both agreed on. */
export type Open = (agreeing?: Parameters) => Promise<Line>

export const toServer: Open = async (agreeing) => {
  const compression = agreeing === undefined ? false : { thresholdBytes: 0 }
  const { port } = serve({ ...limits, compression })
  if (agreeing === undefined) return lineOf(await ask(port), false)
  const client = await ask(port, { headers: { 'Sec-WebSocket-Extensions': agreeing.offer } })
  expect(client.text).toMatch(/extensions: permessage-deflate; server_no_context_takeover; cl/i)
  return lineOf(client, false)
}

export const toClient: Open = async (agreeing) => {
  const { poller } = serve()
  const peers = await RawServer.open()
  connectWebSocket(poller, {
    address: LOCAL,
    port: peers.port,
    ...limits,
    compression: agreeing === undefined ? false : { thresholdBytes: 0 },
    onMessage: (socket, data, isText) => void socket.send(data, { isText })
  })
  const peer = await peers.connection()
  const headers = agreeing && { 'Sec-WebSocket-Extensions': agreeing.answer }
  await peer.write(answerText(await peer.asked(), { headers }))
  return lineOf(peer, true)
}

/** 9.7 and 9.8: so many messages, each after the echo of the one before it. */
export async function roundTrips(
  open: Open,
  of: { bytes: number; isText: boolean; count: number }
): Promise<void> {
  const { bytes, isText, count } = of
  const line = await open()
  const payload = Buffer.alloc(bytes, 0x2a)
  const sent = fragmented(payload, isText, 0)
  for (let number = 0; number < count; number++) {
    await line.send(sent)
    const got = await line.next()
    expect(got.first).toBe(128 + opcodeOf(isText))
    if (!got.payload.equals(payload)) expect.unreachable(`echo ${number} is another message`)
  }
}

/** From so many bytes on a tenth of the messages is sent: the suite takes hours. */
const LARGE_BYTES = 8192

/** 12 and 13: all sizes of one payload with one set of parameters. */
export async function compressedTrips(
  open: Open,
  agreeing: Parameters,
  { data, isText }: Payload,
  count: number
): Promise<void> {
  for (const [bytes, fragmentBytes] of sizes) {
    const line = await open(agreeing)
    const most = bytes < LARGE_BYTES ? count : Math.ceil(count / 10)
    let from = 0
    for (let number = 0; number < most; number++) {
      const message = Buffer.concat([data, data]).subarray(from, from + bytes)
      from = (from + bytes) % data.length
      const deflated = deflateRawSync(message, {
        level: 1,
        finishFlush: constants.Z_SYNC_FLUSH,
        windowBits: line.isServer ? agreeing.windowBits : 15
      })
      const sent = deflated.subarray(0, deflated.length - TAIL.length)
      await line.send(fragmented(sent, isText, fragmentBytes, 4))
      const got = await line.next()
      expect(got.first).toBe(128 + 64 + opcodeOf(isText))
      const inflated = inflateRawSync(Buffer.concat([got.payload, TAIL]), {
        finishFlush: constants.Z_SYNC_FLUSH,
        windowBits: line.isServer ? 15 : agreeing.windowBits
      })
      if (!inflated.equals(message))
        expect.unreachable(`echo ${number} of ${bytes} bytes is another message`)
    }
  }
}
