// Whatever a program does to a socket while it handles any kind of event, nothing breaks: one close, no event afterwards, and the others live on.
import type { TcpConnection } from 'pollport'
import { describe, expect, test } from 'vitest'
import { acceptedPair, acceptPeer, LOCAL, listenPeer } from '../support/net-peer.ts'
import { type EventType, openProbe, type Probe, socketOf } from '../support/poller-probe.ts'

/** Makes one connection have one kind of event, after its accept or connect. */
const causes: Record<string, (probe: Probe) => Promise<void>> = {
  accept: async (probe) => void (await acceptedPair(probe)),
  connect: async (probe) => {
    const { port } = await listenPeer()
    await probe.first('connect', probe.poller.connectTcp({ address: LOCAL, port }))
  },
  receive: async (probe) => {
    const { connection, peer } = await acceptedPair(probe)
    peer.socket.write('data')
    await probe.first('receive', connection)
  },
  drain: async (probe) => {
    const { connection } = await acceptedPair(probe)
    connection.send(Buffer.alloc(5000))
    await probe.first('drain', connection)
  },
  end: async (probe) => {
    const { connection, peer } = await acceptedPair(probe)
    peer.socket.end()
    await probe.first('end', connection)
  },
  timeout: async (probe) => {
    const { connection } = await acceptedPair(probe)
    connection.setIdleTimeout(20)
    await probe.first('timeout', connection)
  },
  close: async (probe) => {
    const { connection, peer } = await acceptedPair(probe)
    peer.socket.resetAndDestroy()
    await probe.first('close', connection)
  }
}

const actions: Record<string, (connection: TcpConnection<unknown>) => void> = {
  'close()': (connection) => connection.close(),
  'reset()': (connection) => connection.reset(),
  'end()': (connection) => connection.end(),
  'send()': (connection) => void connection.send('answer'),
  'send() and close()': (connection) => {
    connection.send('answer')
    connection.close()
  },
  'close() and reset()': (connection) => {
    connection.close()
    connection.reset()
  },
  'pause()': (connection) => connection.pause()
}

describe.each(Object.keys(causes))('while %s is handled', (type) => {
  test.each(Object.keys(actions))('%s does what it says and breaks nothing', async (name) => {
    const probe = openProbe({ highWaterMark: 1000 })
    const bystander = await acceptedPair(probe)
    let subject: TcpConnection<unknown> | undefined
    probe.onEvent = (event) => {
      if (event.type !== type || subject !== undefined) return
      subject = socketOf(event) as TcpConnection<unknown>
      actions[name](subject)
    }
    await causes[type](probe)
    probe.onEvent = () => {}
    const touched = subject as unknown as TcpConnection<unknown>
    expect(touched).toBeDefined()
    // Both sides have finished when end() answers an end.
    if (/close|reset/.test(name) || type === 'close' || (type === 'end' && name === 'end()')) {
      await probe.first('close', touched)
      await probe.quiet(20)
      const types = probe.typesOf(touched)
      const after = types.slice(types.indexOf(type as EventType) + 1)
      expect(type === 'close' ? after : after.filter((each) => each !== 'close')).toEqual([])
      expect(types.filter((each) => each === 'close')).toHaveLength(1)
    } else {
      await probe.quiet(20)
      expect(probe.seen('close', touched)).toEqual([])
    }
    bystander.peer.socket.write('still here?')
    await probe.until('the bystander is heard', () => probe.bytesOf(bystander.connection).toString() === 'still here?')
  })

  test('closing the listener, and making a new connection, breaks nothing', async () => {
    const probe = openProbe({ highWaterMark: 1000 })
    const { port } = await listenPeer()
    const bystander = await acceptedPair(probe)
    let made: TcpConnection<unknown> | undefined
    probe.onEvent = (event) => {
      if (event.type !== type || made !== undefined) return
      bystander.listener.close()
      made = probe.poller.connectTcp({ address: LOCAL, port })
    }
    await causes[type](probe)
    await probe.first('connect', made)
    expect(probe.typesOf(bystander.listener)).toContain('close')
  })
})

test('closing the poller inside its own batch ends the batch', async () => {
  const probe = openProbe()
  const { connection, peer, listener } = await acceptedPair(probe)
  const second = await acceptPeer(probe, listener)
  peer.socket.write('a')
  second.peer.socket.write('b')
  for (let turns = 0; turns < 10; turns++) await new Promise(setImmediate)
  let events = 0
  for (const _ of probe.poller.wait(1000)) {
    events++
    probe.poller.close()
  }
  expect(events).toBe(1)
  expect(connection.bytesReceived + second.connection.bytesReceived).toBeGreaterThan(0)
})

test('wait() inside the walk over a batch loses no event', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  const second = await acceptedPair(probe)
  peer.socket.write('a')
  second.peer.socket.write('b')
  for (let turns = 0; turns < 10; turns++) await new Promise(setImmediate)
  const heard = new Set<unknown>()
  await probe.until('both are heard', () => {
    for (const event of probe.poller.wait(0)) {
      if (event.type === 'receive') heard.add(event.socket)
      probe.step(0)
    }
    return heard.has(connection) && heard.has(second.connection)
  })
  expect(connection.bytesReceived + second.connection.bytesReceived).toBe(2)
})
