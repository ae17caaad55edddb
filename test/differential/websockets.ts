// Scripts of WebSockets that any system plays: what the handlers of each side get is its trace.
import {
  connectWebSocket,
  type WebSocket,
  WebSocketEncoder,
  WebSocketServer,
  type WebSocketServerOptions
} from 'pollport/websocket'
import type { Stage } from './scenarios.ts'

const LOCAL = '127.0.0.1'
const KIB = 1024
/** So that no script ends by the clock. */
const PATIENT = { closeTimeoutMs: 60_000, maxBufferedBytes: 2 ** 30 } as const

const request = (path = '/'): string =>
  [
    `GET ${path} HTTP/1.1`,
    'Host: differential',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    '\r\n'
  ].join('\r\n')

interface Options extends Partial<WebSocketServerOptions<string>> {
  /** What the client does when it opens. */
  onClientOpen?: (socket: WebSocket<string>) => void
  clientPath?: string
}

/** A server that echoes, unless the script says otherwise. */
function serve(stage: Stage, options: Partial<WebSocketServerOptions<string>> = {}) {
  let count = 0
  return new WebSocketServer<string>(stage.poller, {
    address: LOCAL,
    port: 0,
    ...PATIENT,
    onUpgrade: () => ({ userPtr: `web server${count++ || ''}` }),
    onError: (error) => stage.note('web server', `error ${error.message}`),
    ...handlers(stage, options),
    ...(options.path === undefined ? {} : { path: options.path })
  })
}

function handlers(stage: Stage, options: Partial<WebSocketServerOptions<string>>) {
  return {
    onOpen(socket: WebSocket<string>) {
      stage.note(socket.userPtr, 'open')
      options.onOpen?.(socket)
    },
    onMessage(socket: WebSocket<string>, data: Buffer, isText: boolean) {
      stage.note(socket.userPtr, `${isText ? 'text' : 'bytes'} ${stage.shown(data)}`)
      if (options.onMessage !== undefined) options.onMessage(socket, data, isText)
      else if (socket.userPtr.startsWith('web server')) socket.send(data, { isText })
    },
    onPong: (socket: WebSocket<string>, data: Buffer) =>
      stage.note(socket.userPtr, `pong ${stage.shown(data)}`),
    onDrain: (socket: WebSocket<string>) => stage.note(socket.userPtr, 'drain'),
    onClose(socket: WebSocket<string>, code: number, reason: string, error?: Error) {
      const { code: why = '' } = (error ?? {}) as { code?: string }
      stage.note(socket.userPtr, `close ${code} ${reason} ${why}`.trim())
    }
  }
}

/** A server and a client of it; the stage notes what the handlers of both get. */
function pair(stage: Stage, options: Options = {}) {
  const sockets: WebSocket<string>[] = []
  const server = serve(stage, {
    ...options,
    onOpen: (socket) => {
      sockets.push(socket)
      options.onOpen?.(socket)
    }
  })
  const client = join(stage, server, 'web client', options)
  return { server, sockets, client }
}

function join(
  stage: Stage,
  server: WebSocketServer<string>,
  name: string,
  { onClientOpen, clientPath, compression }: Options = {}
) {
  return connectWebSocket<string>(stage.poller, {
    address: LOCAL,
    port: server.localAddress.port,
    userPtr: name,
    ...PATIENT,
    ...(clientPath === undefined ? {} : { path: clientPath }),
    compression,
    ...handlers(stage, { onOpen: onClientOpen })
  })
}

const closed = (stage: Stage, ...names: string[]) =>
  stage.until(`${names} closed`, () => names.every((name) => stage.has(name, 'close')))

const opened = (stage: Stage) =>
  stage.until(
    'both are open',
    () => stage.has('web server', 'open') && stage.has('web client', 'open')
  )

/** The scripts by name. */
export const webSocketScenarios: Record<string, (stage: Stage) => Promise<void>> = {
  'WebSockets: text and bytes come back, then the client closes': async (stage) => {
    const { client } = pair(stage, {
      onClientOpen(socket) {
        for (const size of [0, 5, 126, 70_000]) socket.send(Buffer.alloc(size, 'pattern'))
        socket.send('żółw')
      }
    })
    await stage.until('all are back', () => stage.traces.get('web client')?.length === 6)
    client.close(4000, 'done')
    await closed(stage, 'web client', 'web server')
  },
  'WebSockets: the same, compressed': async (stage) => {
    const { client } = pair(stage, {
      compression: { thresholdBytes: 0 },
      onClientOpen(socket) {
        for (const size of [0, 5, 126, 70_000]) socket.send(Buffer.alloc(size, 'pattern'))
      }
    })
    await stage.until('all are back', () => stage.traces.get('web client')?.length === 5)
    client.close(4000, 'done')
    await closed(stage, 'web client', 'web server')
  },
  'WebSockets: the server closes, and what was sent before arrives': async (stage) => {
    pair(stage, {
      onOpen(socket) {
        for (let count = 0; count < 3; count++) socket.send(`number ${count}`)
        socket.close(1001, 'going')
      }
    })
    await closed(stage, 'web client', 'web server')
  },
  'WebSockets: both close at once': async (stage) => {
    const { client, sockets } = pair(stage)
    await opened(stage)
    client.close(4000, 'client')
    sockets[0].close(4001, 'server')
    await closed(stage, 'web client', 'web server')
  },
  'WebSockets: the client terminates': async (stage) => {
    const { client } = pair(stage)
    await opened(stage)
    client.terminate()
    await closed(stage, 'web client', 'web server')
  },
  'WebSockets: the server terminates': async (stage) => {
    const { sockets } = pair(stage)
    await opened(stage)
    sockets[0].terminate()
    await closed(stage, 'web client', 'web server')
  },
  'WebSockets: a path that is not served': async (stage) => {
    pair(stage, { path: '/play', clientPath: '/elsewhere' })
    await closed(stage, 'web client')
    await stage.until('the server is told', () => stage.has('web server', 'error'))
  },
  'WebSockets: fragments with a ping among them, byte by byte': async (stage) => {
    const server = serve(stage)
    const connection = stage.poller.connectTcp(server.localAddress, 'raw client')
    // A key that is the same on every system.
    const encoder = new WebSocketEncoder({ role: 'client', maskingKey: () => 0x12345678 })
    const stream = Buffer.concat([
      Buffer.from(request()),
      encoder.encodeFragment('in ', { isLast: false }),
      encoder.ping('there?'),
      encoder.encodeFragment('three ', { isContinuation: true, isLast: false }),
      encoder.encodeFragment('pieces', { isContinuation: true }),
      encoder.close(1000, 'bye')
    ])
    for (const byte of stream) {
      connection.send(Buffer.from([byte]))
      stage.poller.flush()
      stage.step(0)
    }
    await stage.until('the server ends', () => connection.closed || stage.hasEnded(connection))
    connection.end()
    await closed(stage, 'web server')
  },
  'WebSockets: a frame without a mask': async (stage) => {
    const server = serve(stage)
    const connection = stage.poller.connectTcp(server.localAddress, 'raw client')
    connection.send(request())
    connection.send(new WebSocketEncoder({ role: 'server' }).encode('not masked'))
    await stage.until('the server ends', () => connection.closed || stage.hasEnded(connection))
    connection.end()
    await closed(stage, 'web server')
  },
  'WebSockets: a slow reader: one drain, and nothing is lost': async (stage) => {
    const { client, sockets } = pair(stage)
    await opened(stage)
    client.connection?.pause()
    const piece = Buffer.alloc(64 * KIB, 'pattern')
    let sent = 0
    // So much that no system's own buffers take it all.
    for (let more = 0; more < 512; more++) {
      sockets[0].send(piece)
      sent++
    }
    await stage.quiet()
    client.connection?.resume()
    const messages = () =>
      stage.traces.get('web client')?.filter((line) => line.startsWith('bytes')).length ?? 0
    await stage.until('all of it', () => messages() === sent && stage.has('web server', 'drain'))
    const kinds = new Set(stage.traces.get('web client'))
    stage.traces.set('web client', [...kinds, `${messages()} messages`])
    client.close()
    await closed(stage, 'web client', 'web server')
  },
  'WebSockets: what is published': async (stage) => {
    const server = serve(stage, { onOpen: (socket) => socket.subscribe('news') })
    const names = ['web client', 'web client1', 'web client2']
    for (const name of names) {
      join(stage, server, name)
      await stage.until('it is open', () => stage.has(name, 'open'))
    }
    stage.note('web server', `published to ${server.publish('news', 'to all of you')}`)
    await stage.until('all have it', () => names.every((name) => stage.has(name, 'text')))
    void server.close(1001)
    await closed(stage, ...names, 'web server', 'web server1', 'web server2')
  },
  'WebSockets: the poller closes': async (stage) => {
    pair(stage)
    await opened(stage)
    stage.poller.close()
  }
}
