// A system that takes a part of a send, and no memory to keep the rest: the connection ends with an
// error. It used to stay open with a hole in its stream.
import { Socket } from 'pollport'
import { expect, onTestFinished, test, vi } from 'vitest'
import { acceptedPair, LOCAL } from '../support/net-peer.ts'
import { openProbe, type Probe } from '../support/poller-probe.ts'
import { closing, endOf } from '../support/raw-pair.ts'

const LARGE = Buffer.alloc(32 * 1024 * 1024, 'large ')

/** As Node fails when it has no memory for a Buffer. Returns what ends that. */
function withoutMemory(): () => void {
  const spy = vi.spyOn(Buffer, 'allocUnsafeSlow').mockImplementation(() => {
    throw new RangeError('Array buffer allocation failed')
  })
  onTestFinished(() => spy.mockRestore())
  return () => spy.mockRestore()
}

/** The peer is a raw socket, which reads nothing: Node's own takes a reset for an end at times. */
async function connectedPair(probe: Probe) {
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const peer = closing(new Socket({ type: 'tcp' }))
  peer.connect(listener.localAddress)
  return { connection: (await probe.first('accept')).socket, peer }
}

test('a large send of which a part has gone resets the connection, with ENOMEM', async () => {
  const probe = openProbe()
  const { connection, peer } = await connectedPair(probe)
  const restore = withoutMemory()
  expect(connection.send(LARGE)).toBe(false)
  restore()
  expect(connection.bufferedBytes).toBe(0)
  expect(connection.send('after the hole')).toBe(false)
  const { error } = await probe.first('close', connection)
  expect(error).toMatchObject({ code: 'ENOMEM', syscall: 'send' })
  expect(connection.bytesSent).toBeLessThan(LARGE.length)
  expect(endOf(peer)).toBe('ECONNRESET')
})

test('what was queued for the next wait() and has gone in part resets it as well', async () => {
  const probe = openProbe()
  const { connection, peer } = await connectedPair(probe)
  const restore = withoutMemory()
  for (let sends = 0; sends < 5000 && !connection.closed; sends++) {
    connection.send(Buffer.alloc(7000))
    if (sends % 5 === 4) probe.poller.flush()
  }
  restore()
  const { error } = await probe.first('close', connection)
  expect(error).toMatchObject({ code: 'ENOMEM', syscall: 'send' })
  expect(endOf(peer)).toBe('ECONNRESET')
  expect(probe.seen('close', connection)).toHaveLength(1)
})

test('a send of which nothing has gone throws, and the stream goes on without it', async () => {
  const probe = openProbe({ highWaterMarkBytes: 64 * 1024 * 1024 })
  const { connection, peer } = await acceptedPair(probe, { paused: true })
  connection.send(LARGE) // The system is full now, and the rest is kept.
  const restore = withoutMemory()
  const before = connection.bufferedBytes
  expect(before).toBeGreaterThan(0)
  expect(() => connection.send(Buffer.alloc(1024 * 1024))).toThrow(RangeError)
  expect(connection.bufferedBytes).toBe(before)
  restore()
  connection.send('last')
  connection.end()
  peer.readOn()
  await probe.until('the peer has it all', () => peer.ended)
  expect(peer.receivedBytes).toBe(LARGE.length + 4)
  expect(peer.received.subarray(-4).toString()).toBe('last')
  expect(connection.bytesSent).toBe(LARGE.length + 4)
})
