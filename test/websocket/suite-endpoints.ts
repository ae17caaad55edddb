// The two endpoints that the cases of the well-known suite are given to over TCP: a WebSocketServer
// that echoes, with a client of bytes; and a connectWebSocket that echoes, with a server of bytes.
import { connectWebSocket, type WebSocketLimits } from 'pollport/websocket'
import { decode, pieces, type Words } from './frames.ts'
import { answerText, RawServer, unmasked } from './raw-server.ts'
import { ask, LOCAL, serve, until } from './serving.ts'

export interface Sending {
  /** The stream comes in pieces of so many bytes. */
  piecesOf?: number
  limits?: WebSocketLimits
}

/** Gives a stream of a client's frames to an endpoint; what it answers, in words, up to its end. */
export type Endpoint = (stream: Buffer, sending?: Sending) => Promise<Words>

const MOST = { maxMessageBytes: 2 ** 26 }
/** Every close is answered, or sent: a peer that is slow is no reason to be reset. */
const PATIENT: WebSocketLimits = { ...MOST, closeTimeoutMs: 60_000, maxBufferedBytes: 2 ** 30 }

async function give(
  peer: { write(data: Uint8Array): Promise<void> },
  stream: Buffer,
  piecesOf: number | undefined
): Promise<void> {
  let at = 0
  for (const cut of [...(piecesOf === undefined ? [] : pieces(stream, piecesOf)), stream.length]) {
    await peer.write(stream.subarray(at, cut))
    at = cut
  }
}

export const server: Endpoint = async (stream, { piecesOf, limits } = {}) => {
  const { port, words } = serve({ ...PATIENT, ...limits })
  const client = await ask(port)
  await give(client, stream, piecesOf)
  await until('the server ends the connection', () => client.hasEnded || client.isClosed)
  client.socket.end()
  await until('onClose is called', () => words.some((word) => word.startsWith('close')))
  return decode(client.frames, { role: 'client', ...MOST })
}

export const client: Endpoint = async (stream, { piecesOf, limits } = {}) => {
  const { poller } = serve()
  const peers = await RawServer.open()
  let isClosed = false
  connectWebSocket(poller, {
    address: LOCAL,
    port: peers.port,
    ...PATIENT,
    ...limits,
    onMessage: (socket, data, isText) => void socket.send(data, { isText }),
    onClose: () => {
      isClosed = true
    }
  })
  const peer = await peers.connection()
  await peer.write(answerText(await peer.asked()))
  await give(peer, unmasked(stream), piecesOf)
  const words = () => decode(peer.frames, { role: 'server', ...MOST })
  // 7.1.1: after both close frames it waits for the server to end the connection.
  await until('the client sends a close', () => peer.hasEnded || endsWithClose(peer.frames))
  peer.socket.end()
  await until('onClose is called', () => isClosed)
  return words()
}

/** A close frame of a client, with 0 or 2 bytes of payload, is the last that came. */
function endsWithClose(frames: Buffer): boolean {
  const isClose = (bytes: number) =>
    frames.length >= bytes &&
    frames[frames.length - bytes] === 0x88 &&
    frames[frames.length - bytes + 1] === 0x80 + bytes - 6
  return isClose(8) || isClose(6)
}
