// Inside run(), what the program does outside of a handler takes effect in that turn, though
// nothing else happens that would end the wait.
import { type PollEvent, type Poller, Socket } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { LOCAL, listenPeer } from '../support/net-peer.ts'
import { closing } from '../support/raw-pair.ts'
import { isWindows, isWine } from '../support/system.ts'
import { tested } from '../support/tested-system.ts'

/** A poller in run() that has nothing to do by now, and its events. */
async function idlePoller(): Promise<{
  poller: Poller
  seen: PollEvent[]
  first(type: string): Promise<PollEvent>
}> {
  const poller = tested.poller()
  const seen: PollEvent[] = []
  const running = poller.run((events) => void seen.push(...events))
  onTestFinished(async () => {
    poller.close()
    await running
  })
  await tested.sleep(20)
  const first = async (type: string) => {
    for (;;) {
      const found = seen.find((event) => event.type === type)
      if (found !== undefined) return found
      await tested.sleep(1)
    }
  }
  return { poller, seen, first }
}

// Windows refuses a connect to a full queue, and no other connect on the loopback stays without an
// answer.
test.skipIf(isWindows && !isWine)('the timeout of a connect that a timer begins', async () => {
  const silent = closing(new Socket({ type: 'tcp' }))
  silent.bind({ address: LOCAL, port: 0 })
  silent.listen(0)
  const { port } = silent.localAddress
  const filler = closing(new Socket({ type: 'tcp' })) // A queue of 0 holds one.
  filler.connect({ address: LOCAL, port })
  const { poller, first } = await idlePoller()
  const started = tested.now()
  poller.connectTcp({ address: LOCAL, port, timeoutMs: 100 })
  const { error } = (await first('close')) as Extract<PollEvent, { type: 'close' }>
  expect(error?.code).toBe('ETIMEDOUT')
  expect(tested.now() - started).toBeGreaterThanOrEqual(99)
})

test('an idle time that is set, and one that is made shorter', async () => {
  const { port } = await listenPeer()
  const { poller, seen, first } = await idlePoller()
  const connection = poller.connectTcp({ address: LOCAL, port })
  await first('connect')
  await tested.sleep(10)
  connection.setIdleTimeout(3_600_000)
  await tested.sleep(10)
  connection.setIdleTimeout(30)
  await first('timeout')
  expect(seen.map(({ type }) => type)).toEqual(['connect', 'timeout'])
})

test('an idle time that has come before begins anew with a large send', async () => {
  const { port } = await listenPeer()
  const { poller, seen, first } = await idlePoller()
  const connection = poller.connectTcp({ address: LOCAL, port })
  await first('connect')
  connection.setIdleTimeout(30)
  await first('timeout')
  await tested.sleep(10)
  seen.length = 0
  connection.send(Buffer.alloc(100_000))
  await first('timeout')
})

test('a large send that is over the mark gets its drain, and one to a peer that is gone its close', async () => {
  const { port, peers } = await listenPeer({ keep: false })
  const { poller, first, seen } = await idlePoller()
  const connection = poller.connectTcp({ address: LOCAL, port })
  await first('connect')
  await tested.sleep(10)
  let isBelow = true
  while (isBelow) isBelow = connection.send(Buffer.alloc(4 * 1024 * 1024))
  await first('drain')
  while (peers[0].receivedBytes < connection.bytesSent || connection.bufferedBytes > 0)
    await tested.sleep(1)
  peers[0].socket.resetAndDestroy()
  await first('close')
  expect(seen.filter(({ type }) => type === 'close')).toHaveLength(1)
})

test('resume() of a connection and of a listener', async () => {
  const { port, peers } = await listenPeer()
  const { poller, first, seen } = await idlePoller()
  const connection = poller.connectTcp({ address: LOCAL, port })
  await first('connect')
  connection.pause()
  while (peers.length === 0) await tested.sleep(1)
  peers[0].socket.write('hello')
  await tested.sleep(20)
  expect(seen.map(({ type }) => type)).toEqual(['connect'])
  connection.resume()
  await first('receive')

  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  listener.pause()
  closing(new Socket({ type: 'tcp' })).connect(listener.localAddress)
  await tested.sleep(20)
  listener.resume()
  await first('accept')
})
