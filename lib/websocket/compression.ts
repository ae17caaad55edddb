// When a WebSocket compresses its messages. How is in deflate.ts.
import { knownOptions, type OptionNames } from '../option-names.ts'
import { integer } from '../validate.ts'
import { checkDeflate } from './codec-options.ts'

const DEFAULT_THRESHOLD_BYTES = 1024

/**
 * How messages are compressed, where the peer agrees.
 * @example
 * ```ts
 * import { Poller } from 'pollport'
 * import { connectWebSocket, WebSocketServer } from 'pollport/websocket'
 *
 * const poller = new Poller()
 * const server = new WebSocketServer<string>(poller, {
 *   address: '127.0.0.1',
 *   port: 0,
 *   path: '/play',
 *   protocols: ['lobby.v1'],
 *   origins: ['https://game.example'],
 *   compression: { thresholdBytes: 4096 },
 *   maxMessageBytes: 64 * 1024,
 *   onUpgrade: ({ url, headers }) =>
 *     headers.authorization === 'secret' ? { userPtr: url } : { reject: 401 },
 *   onOpen: (socket) => socket.close(1000, `welcome to ${socket.userPtr}`)
 * })
 * connectWebSocket(poller, {
 *   address: '127.0.0.1',
 *   port: server.localAddress.port,
 *   path: '/play?room=5',
 *   protocols: ['lobby.v1'],
 *   compression: {},
 *   headers: { Authorization: 'secret' },
 *   onClose: (socket, code, reason) => {
 *     console.log(socket.protocol, code, reason) // lobby.v1 1000 welcome to /play?room=5
 *     poller.close()
 *   }
 * })
 * await poller.run(() => {})
 * ```
 */
export interface CompressionOptions {
  /**
   * Messages of at least so many bytes are compressed, unless `send()` says otherwise. Default
   * 1,024.
   */
  thresholdBytes?: number | undefined
  /** zlib's level, -1 (its default, 6) to 9. Lower is quicker. */
  level?: number | undefined
}

const COMPRESSION_OPTIONS: OptionNames<CompressionOptions> = { thresholdBytes: true, level: true }

/** {@link CompressionOptions}, checked. */
export interface Compression {
  readonly thresholdBytes: number
  readonly level: number
}

export function checkCompression(options: false | CompressionOptions): Compression | undefined {
  if (options === false) return undefined
  const { thresholdBytes = DEFAULT_THRESHOLD_BYTES, level } = knownOptions(
    options,
    COMPRESSION_OPTIONS,
    'compression'
  )
  return {
    thresholdBytes: integer(thresholdBytes, 'thresholdBytes', 0, 2 ** 31 - 1),
    level: checkDeflate({ level }).level as number
  }
}
