// Inside run() and for await, Node's loop has a turn after each batch, also after one whose events
// all went to diverted connections.
import { type ConnectionEvent, Poller, type TcpConnection, toDuplex } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { connectPeer, LOCAL } from '../support/net-peer.ts'

const HOPS = 2_000

function openPoller(options?: ConstructorParameters<typeof Poller>[0]): Poller {
  const poller = new Poller(options)
  onTestFinished(() => poller.close())
  return poller
}

/** Counts Node's turns until the test ends. */
function countTurns(): { readonly turns: number } {
  const counted = { turns: 0 }
  let immediate = setImmediate(function again() {
    counted.turns++
    immediate = setImmediate(again)
  })
  onTestFinished(() => clearImmediate(immediate))
  return counted
}

/**
 * Two ends on one poller that answer each other at once; `onEnd` is called after so many answers. A
 * diverted accept is not possible: `accept` is the batch's.
 */
function pingPong(poller: Poller, onEnd: () => void) {
  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  let hops = 0
  const answer = (event: ConnectionEvent) => {
    if (event.type !== 'receive') return
    if (++hops === HOPS) onEnd()
    else if (hops < HOPS) event.socket.send(event.data)
  }
  const client = poller.connectTcp(listener.localAddress)
  client.divert(answer)
  client.send('x')
  return (connection: TcpConnection) => connection.divert(answer)
}

/**
 * How many waits there may have been with so many turns: two in one turn is the most, where the
 * first found nothing.
 */
function expectTurns(turns: number, waits: number): void {
  expect(turns * 2 + 2).toBeGreaterThanOrEqual(waits)
}

test('run(): a turn after each batch of diverted connections that answer each other', async () => {
  const poller = openPoller()
  const counted = countTurns()
  const onAccept = pingPong(poller, () => poller.close())
  await poller.run((events) => {
    for (const event of events) if (event.type === 'accept') onAccept(event.socket)
  })
  // A batch has one hop, or with luck two.
  expect(counted.turns).toBeGreaterThan(HOPS / 4)
  expectTurns(counted.turns, poller.stats.waits)
})

test('for await: the same', async () => {
  const poller = openPoller()
  const counted = countTurns()
  const onAccept = pingPong(poller, () => poller.close())
  for await (const events of poller)
    for (const event of events) if (event.type === 'accept') onAccept(event.socket)
  expect(counted.turns).toBeGreaterThan(HOPS / 4)
  expectTurns(counted.turns, poller.stats.waits)
})

test('streams that are flooded leave Node its turns', async () => {
  const poller = openPoller({ batchBufferBytes: 64 * 1024 })
  const counted = countTurns()
  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  const chunk = Buffer.alloc(64 * 1024)
  for (let clients = 0; clients < 4; clients++) {
    const { socket } = connectPeer(listener.localAddress)
    const flood = () => {
      while (!socket.destroyed && socket.write(chunk));
    }
    socket.on('drain', flood)
    flood()
  }
  let bytes = 0
  await poller.run((events) => {
    for (const event of events) {
      if (event.type !== 'accept') continue
      toDuplex(event.socket).on('data', (data: Buffer) => {
        bytes += data.length
        if (bytes > 200 * chunk.length) poller.close()
      })
    }
  })
  expectTurns(counted.turns, poller.stats.waits)
})

test('streams that answer each other in for await leave Node its turns', async () => {
  const poller = openPoller()
  const counted = countTurns()
  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  let hops = 0
  const answer = (stream: ReturnType<typeof toDuplex>) =>
    stream.on('data', (data: Buffer) => {
      if (++hops >= HOPS) poller.close()
      else stream.write(data)
    })
  answer(toDuplex(poller.connectTcp(listener.localAddress))).write('x')
  for await (const events of poller)
    for (const event of events) if (event.type === 'accept') answer(toDuplex(event.socket))
  expectTurns(counted.turns, poller.stats.waits)
})

test('a connection that is begun again in each close of its own leaves Node its turns', async () => {
  const poller = openPoller()
  const counted = countTurns()
  let closes = 0
  // Nobody can connect to a multicast address: the system says so at once, without a packet.
  const connect = () =>
    poller.connectTcp({ address: '224.0.0.1', port: 9, timeoutMs: 1_000 }).divert((event) => {
      if (event.type !== 'close') return
      if (++closes === 500) poller.close()
      else if (!poller.closed) connect()
    })
  try {
    connect()
  } catch {
    // Refused before there was a connection to divert, which a batch reports.
  }
  await poller.run((events) => {
    for (const event of events) if (event.type === 'close' && ++closes === 500) poller.close()
    if (!poller.closed) poller.connectTcp({ address: '224.0.0.1', port: 9, timeoutMs: 1_000 })
  })
  expectTurns(counted.turns, poller.stats.waits)
})

test('a program that sends in each of its turns does not make run() wait without an end in one of them', async () => {
  const poller = openPoller()
  const counted = countTurns()
  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  const client = poller.connectTcp(listener.localAddress)
  let isDone = false
  const sending = (async () => {
    for (let message = 0; message < 1_000; message++) {
      client.send('x')
      await undefined
    }
    isDone = true
  })()
  await poller.run(() => {
    if (isDone) poller.close()
  })
  await sending
  expectTurns(counted.turns, poller.stats.waits)
})
