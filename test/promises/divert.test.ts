// The events of a connection may be taken out of the batches: they come in order, once, and to the
// taker alone.
import type { ConnectionEvent, TcpConnection } from 'pollport'
import { expect, test } from 'vitest'
import { acceptedPair, acceptPeer, LOCAL, listenPeer } from '../support/net-peer.ts'
import { openProbe, thrownBy } from '../support/poller-probe.ts'

/** What a taker was given, in words; bytes as text. */
function taking(connection: TcpConnection<unknown>): string[] {
  const seen: string[] = []
  connection.divert((event) => {
    if (event.type === 'receive') seen.push(event.data.toString())
    else seen.push(event.type === 'close' && event.error ? `close ${event.error.code}` : event.type)
  })
  return seen
}

test('a diverted connection tells its taker everything, in order, and the batches nothing', async () => {
  const probe = openProbe()
  const { listener, connection, peer } = await acceptedPair(probe)
  const other = await acceptPeer(probe, listener)
  const seen = taking(connection)
  peer.socket.write('one')
  await probe.until('the bytes are handed over', () => seen.length === 1)
  other.peer.socket.write('for the batch')
  await probe.first('receive', other.connection)
  peer.socket.end()
  await probe.until('the end is handed over', () => seen.length === 2)
  connection.end()
  await probe.until('the close is handed over', () => seen.length === 3)
  expect(seen).toEqual(['one', 'end', 'close'])
  expect(
    probe.events.filter((event) => event.type !== 'wake' && event.socket === connection)
  ).toMatchObject([{ type: 'accept' }])
})

test('a connection that is diverted before it has connected tells of that too', async () => {
  const probe = openProbe()
  const { port } = await listenPeer()
  const connection = probe.poller.connectTcp({ address: LOCAL, port })
  expect(connection.connecting).toBe(true)
  const seen = taking(connection)
  await probe.until('connected', () => seen.length > 0)
  expect(connection.connecting).toBe(false)
  connection.reset()
  await probe.until('closed', () => seen.length > 1)
  expect(seen).toEqual(['connect', 'close'])
})

test('given back, a connection is in the batches again', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  const seen = taking(connection)
  connection.divert(undefined)
  peer.socket.write('plain')
  expect((await probe.first('receive', connection)).data.toString()).toBe('plain')
  expect(seen).toEqual([])
})

test('a detached connection is diverted no longer, and closing the poller closes the others for their takers', async () => {
  const probe = openProbe()
  const { listener, connection } = await acceptedPair(probe)
  const { connection: other, peer } = await acceptPeer(probe, listener)
  const [gone, staying] = [taking(connection), taking(other)]
  const { Socket } = await import('pollport')
  Socket.fromHandle(connection.detach(), { type: 'tcp' }).close()
  probe.poller.close()
  expect(gone).toEqual([])
  expect(staying).toEqual(['close'])
  expect(peer.errorCode).toBeUndefined()
})

test.each(['reset', 'close'] as const)(
  'after %s(), closing the poller before the next wait still gives the taker its close, once',
  async (how) => {
    const probe = openProbe()
    const { connection } = await acceptedPair(probe)
    const seen = taking(connection)
    connection[how]()
    probe.poller.close()
    expect(seen).toEqual(['close'])
  }
)

test('a taker that closes another diverted connection of the same batch hears nothing more of it but its close', async () => {
  const probe = openProbe()
  const { listener, connection: first, peer: firstPeer } = await acceptedPair(probe)
  const { connection: second, peer: secondPeer } = await acceptPeer(probe, listener)
  const seen: string[] = []
  const both = [first, second]
  for (const [at, connection] of both.entries()) {
    connection.divert((event: ConnectionEvent) => {
      seen.push(`${at} ${event.type}`)
      if (event.type === 'receive') both[1 - at].close()
    })
  }
  firstPeer.socket.write('x')
  secondPeer.socket.write('x')
  await probe.until('one is closed', () => seen.some((word) => word.endsWith('close')))
  const closed = seen.find((word) => word.endsWith('close'))?.[0]
  expect(seen.filter((word) => word.startsWith(closed as string))).toEqual([`${closed} close`])
})

test('what a taker throws is an uncaught exception, and the others get their events all the same', async () => {
  const probe = openProbe()
  const { listener, connection, peer } = await acceptedPair(probe)
  const { connection: other, peer: otherPeer } = await acceptPeer(probe, listener)
  const uncaught: unknown[] = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.once('uncaughtException', (error) => uncaught.push(error))
  try {
    connection.divert(() => {
      throw new Error('from a taker')
    })
    const seen = taking(other)
    peer.socket.write('x')
    otherPeer.socket.write('y')
    await probe.until('the other has its bytes', () => seen.length === 1 && uncaught.length === 1)
    connection.divert(undefined)
  } finally {
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
  }
  expect(uncaught).toMatchObject([{ message: 'from a taker' }])
})

test('only a function can take events, and only of an open connection', async () => {
  const probe = openProbe()
  const { connection } = await acceptedPair(probe)
  expect(thrownBy(() => connection.divert('no' as never))).toMatchObject({
    code: 'ERR_INVALID_ARG_TYPE'
  })
  connection.reset()
  expect(thrownBy(() => connection.divert(() => {}))).toMatchObject({
    code: 'EBADF',
    syscall: 'divert'
  })
})
