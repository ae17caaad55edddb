// sendInto() queues what is written straight into the poller's memory, in the order of all sends.
import { expect, test } from 'vitest'
import { acceptedPair } from '../support/net-peer.ts'
import { openProbe } from '../support/poller-probe.ts'
import { codeOf } from '../support/raw-pair.ts'

const writing = (text: string) => (into: Buffer, at: number) => into.write(text, at)

test('bytes that are written leave in the order of all sends, whatever their size', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  const received: Buffer[] = []
  peer.socket.on('data', (data: Buffer) => received.push(data))
  const long = 'x'.repeat(200_000)
  connection.send('a')
  expect(connection.sendInto(10, writing('bc'))).toBe(true)
  connection.sendInto(0, () => 0)
  connection.sendInto(long.length, writing(long))
  connection.sendInto(5, writing('end'))
  const expected = `abc${long}end`
  await probe.until('all has come', () => Buffer.concat(received).length === expected.length)
  expect(Buffer.concat(received).toString()).toBe(expected)
  expect(connection.bufferedBytes).toBe(0)
})

test('behind a queue of a peer that does not read nothing is lost', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  peer.socket.pause()
  while (connection.send(Buffer.alloc(100_000, 'y'))) probe.step()
  expect(connection.sendInto(10, writing('last'))).toBe(false)
  const bytes = connection.bytesSent + connection.bufferedBytes
  let count = 0
  let tail = ''
  peer.socket.on('data', (data: Buffer) => {
    count += data.length
    tail = (tail + data.toString('latin1')).slice(-4)
  })
  peer.socket.resume()
  await probe.until('all has come', () => count === bytes)
  expect(tail).toBe('last')
})

test('what write throws, or says wrongly, queues nothing', async () => {
  const probe = openProbe()
  const { connection } = await acceptedPair(probe)
  expect(() =>
    connection.sendInto(10, () => {
      throw new Error('from write')
    })
  ).toThrow('from write')
  expect(codeOf(() => connection.sendInto(10, () => 11))).toBe('ERR_OUT_OF_RANGE')
  expect(codeOf(() => connection.sendInto(-1, () => 0))).toBe('ERR_OUT_OF_RANGE')
  expect(connection.bufferedBytes).toBe(0)
  connection.reset()
  expect(codeOf(() => connection.sendInto(1, writing('x')))).toBe('EBADF')
})
