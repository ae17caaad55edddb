// What libraries ask of a socket, and what they set, is answered by a stream as by a socket of
// node:net.
import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import net from 'node:net'
import { type ConnectionDuplex, SocketError, toDuplex } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'
import { runningPoller } from '../support/running-poller.ts'
import { streamAndSocket } from '../support/stream-and-socket.ts'

type Either = net.Socket | ConnectionDuplex

/** A socket of node:net and a stream, each connected to a server that says nothing. */
async function socketAndStream(): Promise<[net.Socket, ConnectionDuplex]> {
  const server = net.createServer((socket) => socket.on('error', () => {})).listen(0, LOCAL)
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const socket = net.connect(port, LOCAL)
  const stream = toDuplex(runningPoller(() => {}).connectTcp({ address: LOCAL, port }))
  onTestFinished(() => {
    socket.destroy()
    server.close()
  })
  await Promise.all([once(socket, 'connect'), once(stream, 'connect')])
  return [socket, stream]
}

const never: never = undefined as never
const calls: Record<string, (socket: Either) => unknown> = {
  'setKeepAlive(1)': (socket) => socket.setKeepAlive(1 as never),
  'setKeepAlive(true, 50_000_000)': (socket) => socket.setKeepAlive(true, 50_000_000),
  'setKeepAlive(true, 60000.5)': (socket) => socket.setKeepAlive(true, 60000.5),
  'setKeepAlive(true, undefined)': (socket) => socket.setKeepAlive(true, undefined),
  'setKeepAlive(true, null)': (socket) => socket.setKeepAlive(true, null as never),
  'setKeepAlive()': (socket) => socket.setKeepAlive(),
  'setNoDelay(undefined)': (socket) => socket.setNoDelay(undefined),
  'setNoDelay(1)': (socket) => socket.setNoDelay(1 as never),
  'setNoDelay(null)': (socket) => socket.setNoDelay(null as never),
  'setTimeout(-1)': (socket) => socket.setTimeout(-1),
  'setTimeout(NaN)': (socket) => socket.setTimeout(Number.NaN),
  'setTimeout(Infinity)': (socket) => socket.setTimeout(Number.POSITIVE_INFINITY),
  "setTimeout('5')": (socket) => socket.setTimeout('5' as never),
  'setTimeout(undefined)': (socket) => socket.setTimeout(never),
  'setTimeout(5, no function)': (socket) => socket.setTimeout(5, 'no' as never),
  'timeout after that': (socket) => socket.timeout,
  'setTimeout(0)': (socket) => socket.setTimeout(0),
  'setTimeout(60_000)': (socket) => socket.setTimeout(60_000),
  timeout: (socket) => socket.timeout,
  'address()': (socket) => ({ ...socket.address(), port: 0 }),
  localFamily: (socket) => socket.localFamily,
  remoteFamily: (socket) => socket.remoteFamily,
  readyState: (socket) => socket.readyState,
  pending: (socket) => socket.pending,
  connecting: (socket) => socket.connecting,
  allowHalfOpen: (socket) => socket.allowHalfOpen,
  bufferSize: (socket) => socket.bufferSize,
  writableLength: (socket) => socket.writableLength,
  'bytesWritten of a text': (socket) => socket.write('€') && socket.bytesWritten
}
const afterwards: typeof calls = {
  'end()': (socket) => socket.end() === socket,
  'readyState when ended': (socket) => socket.readyState,
  'write() after that': (socket) => {
    socket.on('error', () => {})
    return socket.write('x')
  },
  'destroy()': (socket) => socket.destroy() === socket,
  'readyState when destroyed': (socket) => socket.readyState,
  'pending when destroyed': (socket) => socket.pending,
  'bufferSize when destroyed': (socket) => socket.bufferSize,
  'setTimeout(5) when destroyed': (socket) => socket.setTimeout(5) === socket,
  'setKeepAlive(true) when destroyed': (socket) => socket.setKeepAlive(true) === socket,
  'setNoDelay() when destroyed': (socket) => socket.setNoDelay() === socket
}

test('each call gives and throws the same', async () => {
  const both = await socketAndStream()
  for (const [name, call] of Object.entries({ ...calls, ...afterwards })) {
    const [ofSocket, ofStream] = both.map((socket) => {
      try {
        const value = call(socket)
        return value === socket ? 'itself' : value
      } catch (error) {
        return `throws ${(error as NodeJS.ErrnoException).code}`
      }
    })
    expect(ofStream, name).toEqual(ofSocket)
  }
})

test('a keep-alive time that the system does not count to is as long as it counts', async () => {
  const [, stream] = await socketAndStream()
  stream.setKeepAlive(true, 1500.5)
  expect(stream.connection.getOption('keepAliveIdleMs')).toBe(1000)
  stream.setKeepAlive(true, 50_000_000)
  expect(stream.connection.getOption('keepAliveIdleMs')).toBe(32_767_000)
})

test("'close' says whether there was an error, and the error has the fields of Node's own", async () => {
  const { stream, socket } = await streamAndSocket()
  stream.resume()
  const closed = new Promise((resolve) => stream.on('close', resolve))
  socket.resetAndDestroy()
  const [error] = await once(stream, 'error')
  expect(error).toMatchObject({
    code: 'ECONNRESET',
    syscall: 'read',
    message: expect.stringMatching('read ECONNRESET')
  })
  expect(error.errno).toBeLessThan(0)
  expect(error.cause).toBeInstanceOf(SocketError)
  expect(await closed).toBe(true)

  const other = await streamAndSocket()
  const otherClosed = new Promise((resolve) => other.stream.on('close', resolve))
  other.stream.destroy()
  expect(await otherClosed).toBe(false)
})

test("what comes runs in the async context in which the stream was made, whatever run()'s is", async () => {
  const storage = new AsyncLocalStorage<string>()
  const server = net.createServer((socket) => socket.pipe(socket)).listen(0, LOCAL)
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const poller = storage.run("run()'s", () => runningPoller(() => {}))
  const { port } = server.address() as net.AddressInfo
  const seen: Record<string, string | undefined> = {}
  await storage.run("the stream's", async () => {
    const stream = toDuplex(poller.connectTcp({ address: LOCAL, port }))
    const closed = new Promise((resolve) => stream.on('close', resolve))
    const note = (name: string) => () => {
      seen[name] = storage.getStore()
    }
    for (const name of ['connect', 'data', 'end', 'close']) stream.on(name, note(name))
    // More than the system takes at once.
    stream.write(Buffer.alloc(8 * 1024 * 1024), note("write()'s callback"))
    await new Promise<void>((resolve) => stream.end('x', resolve))
    await closed
  })
  const names = ['connect', 'data', "write()'s callback", 'end', 'close']
  expect(seen).toEqual(Object.fromEntries(names.map((name) => [name, "the stream's"])))
})
