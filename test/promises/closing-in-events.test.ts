// Whatever a program does to a socket while it handles any kind of event, nothing breaks: one
// close, no event afterwards, and the others live on.
import { Socket, type TcpConnection, type UdpSocket } from 'pollport'
import { describe, expect, onTestFinished, test } from 'vitest'
import { acceptedPair, acceptPeer, LOCAL, listenPeer, type NetPeer } from '../support/net-peer.ts'
import {
  type EventType,
  openProbe,
  type Probe,
  socketOf,
  thrownBy
} from '../support/poller-probe.ts'
import { tested } from '../support/tested-system.ts'

/**
 * Makes one connection have one kind of event, after its accept or connect; gives its other side.
 */
const causes: Record<string, (probe: Probe) => Promise<NetPeer>> = {
  accept: async (probe) => (await acceptedPair(probe)).peer,
  connect: async (probe) => {
    const { port, peers } = await listenPeer()
    await probe.first('connect', probe.poller.connectTcp({ address: LOCAL, port }))
    await probe.until('node:net has it', () => peers.length === 1)
    return peers[0]
  },
  receive: async (probe) => {
    const { connection, peer } = await acceptedPair(probe)
    peer.socket.write('data')
    await probe.first('receive', connection)
    return peer
  },
  drain: async (probe) => {
    const { connection, peer } = await acceptedPair(probe)
    connection.send(Buffer.alloc(5000))
    await probe.first('drain', connection)
    return peer
  },
  end: async (probe) => {
    const { connection, peer } = await acceptedPair(probe)
    peer.socket.end()
    await probe.first('end', connection)
    return peer
  },
  timeout: async (probe) => {
    const { connection, peer } = await acceptedPair(probe)
    connection.setIdleTimeout(20)
    await probe.first('timeout', connection)
    return peer
  },
  close: async (probe) => {
    const { connection, peer } = await acceptedPair(probe)
    peer.socket.resetAndDestroy()
    await probe.first('close', connection)
    return peer
  }
}

/** The kinds that no connection has. */
const otherCauses: Record<string, (probe: Probe) => Promise<unknown>> = {
  datagram: async (probe) => {
    const socket = probe.poller.bindUdp({ address: LOCAL, port: 0 })
    socket.send('to itself', socket.localAddress)
    await probe.first('datagram')
  },
  error: async (probe) => {
    // Needs the option `broadcast`, so it is refused; some machines have no way there either.
    probe.poller
      .bindUdp({ address: LOCAL, port: 0 })
      .send('to everybody', { address: '255.255.255.255', port: 9 })
    await probe.first('error')
  },
  wake: async (probe) => {
    probe.poller.wake()
    await probe.first('wake')
  }
}

const actions: Record<string, (connection: TcpConnection<unknown>) => void> = {
  'close()': (connection) => connection.close(),
  'reset()': (connection) => connection.reset(),
  'end()': (connection) => connection.end(),
  'send()': (connection) => void connection.send('answer'),
  'send() and end()': (connection) => {
    connection.send('answer')
    connection.end()
  },
  'send() and close()': (connection) => {
    connection.send('answer')
    connection.close()
  },
  'close() and reset()': (connection) => {
    connection.close()
    connection.reset()
  },
  'detach()': (connection) => {
    onTestFinished(closer(Socket.fromHandle(connection.detach(), { type: 'tcp' })))
  },
  'pause()': (connection) => connection.pause()
}

const NEWS = Buffer.alloc(1000, 'news')

const closer = (socket: Socket) => () => socket.close()

/**
 * What the program does gives the connection up: nothing but its close follows, and after detach()
 * not even that.
 */
const givesUp = (name: string) => /close|reset|detach/.test(name)

describe.each(Object.keys(causes))('S.15 while %s is handled', (type) => {
  test.each(Object.keys(actions))('%s does what it says and breaks nothing', async (name) => {
    const probe = openProbe({ highWaterMarkBytes: 1000 })
    const bystander = await acceptedPair(probe)
    let subject: TcpConnection<unknown> | undefined
    probe.onEvent = (event) => {
      if (event.type !== type || subject !== undefined) return
      subject = socketOf(event) as TcpConnection<unknown>
      // A connection that has closed by itself has nothing to give away.
      if (type === 'close' && name === 'detach()')
        expect(thrownBy(() => subject?.detach()).code).toBe('EBADF')
      else actions[name](subject)
    }
    const peer = await causes[type](probe)
    probe.onEvent = () => {}
    const touched = subject as unknown as TcpConnection<unknown>
    expect(touched).toBeDefined()
    // Both sides have finished when end() answers an end.
    const closes =
      type === 'close' ||
      (givesUp(name) && name !== 'detach()') ||
      (type === 'end' && /\bend\(\)/.test(name))
    if (closes) await probe.first('close', touched)
    if (name.startsWith('send()') && type !== 'close')
      await probe.until(
        'the answer arrives',
        () => peer.received.subarray(-6).toString() === 'answer'
      )
    if (/\bend\(\)|close\(\)$/.test(name) && type !== 'close')
      await probe.until('and the end', () => peer.ended)
    await probe.quiet(20)
    expect(probe.seen('close', touched)).toHaveLength(closes ? 1 : 0)
    if (closes || givesUp(name)) {
      const types = probe.typesOf(touched)
      const after = types.slice(types.indexOf(type as EventType) + 1)
      expect(after).toEqual(closes && type !== 'close' ? ['close'] : [])
    }
    bystander.peer.socket.write('still here?')
    await probe.until(
      'the bystander is heard',
      () => probe.bytesOf(bystander.connection).toString() === 'still here?'
    )
  })

  test('closing the listener, and making a new connection, breaks nothing', async () => {
    const probe = openProbe({ highWaterMarkBytes: 1000 })
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

describe.each([...Object.keys(causes), ...Object.keys(otherCauses)])(
  'S.15 while %s is handled',
  (type) => {
    test.each(Object.keys(actions))(
      'another connection that has news gets %s, and nothing but what follows from it',
      async (name) => {
        // A byte a wait, so that it has something to say in the same batch, too.
        const probe = openProbe({ highWaterMarkBytes: 1000, readBudgetBytes: 1 })
        const { connection, peer } = await acceptedPair(probe)
        let heardBefore = -1
        let isRefused = false
        probe.onEvent = (event) => {
          if (event.type !== type || heardBefore >= 0 || socketOf(event) === connection) return
          heardBefore = probe.typesOf(connection).length
          try {
            actions[name](connection)
          } catch (error) {
            // Its news are in this batch: then it cannot be given away yet.
            if (name !== 'detach()' || (error as { code?: string }).code !== 'EBUSY') throw error
            isRefused = true
          }
        }
        peer.socket.write(NEWS)
        await (causes[type] ?? otherCauses[type])(probe)
        expect(heardBefore).toBeGreaterThan(0)
        const closes = givesUp(name) && name !== 'detach()'
        if (closes) await probe.first('close', connection)
        else if (isRefused || (!givesUp(name) && name !== 'pause()'))
          await probe.until(
            'the news arrive all the same',
            () => connection.bytesReceived === NEWS.length
          )
        if (name.startsWith('send()'))
          await probe.until('the answer arrives', () => peer.received.toString() === 'answer')
        if (/\bend\(\)|close\(\)$/.test(name)) await probe.until('and the end', () => peer.ended)
        await probe.quiet(20)
        if (givesUp(name) && !isRefused)
          expect(probe.typesOf(connection).slice(heardBefore)).toEqual(closes ? ['close'] : [])
        else expect(probe.seen('close', connection)).toEqual([])
      }
    )
  }
)

describe('S.15 a UDP socket', () => {
  const udpActions: Record<string, (socket: UdpSocket) => void> = {
    'close()': (socket) => socket.close(),
    'send() and close()': (socket) => {
      socket.send('last', socket.localAddress)
      socket.close()
    },
    'send()': (socket) => void socket.send('another', socket.localAddress)
  }

  test.each(
    ['datagram', 'error'].flatMap((type) =>
      Object.keys(udpActions).map((name) => [type, name] as const)
    )
  )('while its %s is handled: %s', async (type, name) => {
    const probe = openProbe()
    const socket = probe.poller.bindUdp({ address: LOCAL, port: 0 })
    const other = probe.poller.bindUdp({ address: LOCAL, port: 0 })
    let acted = false
    let heardBefore = 0
    probe.onEvent = (event) => {
      if (event.type !== type || socketOf(event) !== socket || acted) return
      acted = true
      heardBefore = probe.typesOf(socket).length
      udpActions[name](socket)
    }
    const isRefused = type === 'error'
    for (let count = 0; count < 3; count++)
      socket.send(
        'first',
        isRefused ? { address: '255.255.255.255', port: 9 } : socket.localAddress
      )
    await probe.until('it is handled', () => acted)
    if (name.includes('close')) {
      await probe.first('close', socket)
      await probe.quiet(20)
      expect(probe.typesOf(socket).slice(heardBefore)).toEqual(['close'])
    } else {
      await probe.until('what was sent arrives', () =>
        probe.seen('datagram', socket).some(({ data }) => data.toString() === 'another')
      )
    }
    other.send('still here', other.localAddress)
    await probe.first('datagram', other)
  })
})

test('S.15 closing the poller inside its own batch ends the batch', async () => {
  const probe = openProbe()
  const { connection, peer, listener } = await acceptedPair(probe)
  const second = await acceptPeer(probe, listener)
  peer.socket.write('a')
  second.peer.socket.write('b')
  for (let turns = 0; turns < 10; turns++) await tested.turn()
  let events = 0
  for (const _ of probe.poller.wait(1000)) {
    events++
    probe.poller.close()
  }
  expect(events).toBe(1)
  expect(connection.bytesReceived + second.connection.bytesReceived).toBeGreaterThan(0)
})

test('S.15 wait() inside the walk over a batch loses no event', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  const second = await acceptedPair(probe)
  peer.socket.write('a')
  second.peer.socket.write('b')
  for (let turns = 0; turns < 10; turns++) await tested.turn()
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
