// While a stream's connection is being made nothing has succeeded yet: no write, no end; and what
// goes wrong is reported as by a socket of node:net.
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { SocketError, toDuplex } from 'pollport'
import { expect, test } from 'vitest'
import { freePort, LOCAL, listenPeer } from '../support/net-peer.ts'
import { runningPoller } from '../support/running-poller.ts'
import { streamAndSocket } from '../support/stream-and-socket.ts'

/** No host has it, and no system connects to it: the limited broadcast address (RFC 919). */
const unreachable = { address: '255.255.255.255', port: 80 }

test('a pipeline into a refused connection is rejected with the reason', async () => {
  const poller = runningPoller(() => {})
  const stream = toDuplex(poller.connectTcp({ address: LOCAL, port: await freePort() }))
  const piped = pipeline(Readable.from([Buffer.from('abc')]), stream)
  await expect(piped).rejects.toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect' })
})

test("writes and the end are done after 'connect', in order, and the bytes have left then", async () => {
  const { port, peers } = await listenPeer()
  const poller = runningPoller(() => {})
  const stream = toDuplex(poller.connectTcp({ address: LOCAL, port }))
  const seen: string[] = []
  for (const name of ['connect', 'ready', 'finish']) stream.on(name, () => seen.push(name))
  stream.write('one', () => seen.push('one'))
  stream.end('two', () => seen.push(`end ${stream.connection.bufferedBytes}`))
  expect(stream).toMatchObject({ connecting: true, pending: true, readyState: 'opening' })
  expect(stream.remoteAddress).toBeUndefined()
  await once(stream, 'finish')
  expect(seen.filter((word) => word !== 'finish')).toEqual(['connect', 'ready', 'one', 'end 0'])
  expect(stream).toMatchObject({
    connecting: false,
    pending: false,
    readyState: 'readOnly',
    remoteAddress: LOCAL
  })
  stream.resume()
  const [other] = peers
  while (!other.ended) await new Promise((resolve) => setImmediate(resolve))
  expect(String(other.received)).toBe('onetwo')
})

test("'finish' comes when the system has everything, also if the peer takes long to read it", {
  timeout: 60_000
}, async () => {
  const { stream, socket } = await streamAndSocket()
  socket.pause()
  let left: number | undefined
  const sent = 8 * 1024 * 1024 // more than the system takes for a peer that does not read
  stream.end(Buffer.alloc(sent), () => {
    left = stream.connection.bufferedBytes
  })
  for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve))
  expect(left).toBeUndefined()
  expect(stream.connection.bufferedBytes).toBeGreaterThan(0)
  let read = 0
  for await (const data of socket) read += (data as Buffer).length
  expect({ read, left }).toEqual({ read: sent, left: 0 })
})

test("what fails at once is an 'error' of the stream and of an http request, as with net", async () => {
  const poller = runningPoller(() => {})
  const byNet = await once(net.connect(unreachable.port, unreachable.address), 'error').then(
    ([error]) => error
  )
  const stream = toDuplex(poller.connectTcp(unreachable))
  expect(stream.connecting).toBe(true)
  expect(stream.write('x')).toBe(true)
  const closed = new Promise((resolve) => stream.on('close', resolve))
  const [error] = await once(stream, 'error')
  expect(error).toMatchObject({
    code: byNet.code,
    errno: byNet.errno,
    syscall: byNet.syscall,
    ...unreachable
  })
  expect(error.cause).toBeInstanceOf(SocketError)
  expect(await closed).toBe(true)

  const errors: unknown[] = []
  const request = http.get({
    createConnection: () => toDuplex(poller.connectTcp(unreachable)) as never
  })
  request.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code))
  await new Promise((resolve) => request.on('close', resolve))
  expect(errors).toEqual([byNet.code])
})

test("'timeout' comes while connecting too, and destroy() then closes", async () => {
  const poller = runningPoller(() => {})
  const connection = poller.connectTcp({ address: LOCAL, port: await freePort() })
  const stream = toDuplex(connection)
  stream.on('error', () => {})
  // The system's answer is kept from the stream: it stays as it is while connecting.
  connection.divert(undefined)
  await new Promise<void>((resolve) => stream.setTimeout(5, resolve))
  expect(stream.connecting).toBe(true)
  stream.destroy()
  expect(stream).toMatchObject({ connecting: false, destroyed: true })
})
