// What cluster/redis-connection.ts leaves behind: nothing. The other side is a listener that never
// answers.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { RedisConnection } from '../cluster/redis-connection.ts'
import { until } from './person.ts'

/** A Redis that says nothing, and the connections that came to it. */
async function silentRedis() {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}).resume())
  }).listen(0, '127.0.0.1')
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  await once(server, 'listening')
  return { url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets }
}

test('closed while it connects, it closes its socket as soon as it has one', async () => {
  const { url, sockets } = await silentRedis()
  new RedisConnection({ url, timeoutMs: 20_000, opened: async () => {} }).close()
  await until('it has connected, and is gone', () => sockets[0]?.readableEnded === true)
})

test('without an answer in time it closes its socket, and tries another one', async () => {
  const { url, sockets } = await silentRedis()
  const connection = new RedisConnection({ url, timeoutMs: 100, opened: async () => {} })
  onTestFinished(() => connection.close())
  await until('the second one is gone', () => sockets[1]?.readableEnded === true)
  expect(connection.isReady).toBe(false)
})
