// What a loop's last tick, or last handler, sends has left when the loop's promise is settled.
import { type Poller, runLoop, type TcpConnection } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { connectPeer, LOCAL } from '../support/net-peer.ts'
import { tested } from '../support/tested-system.ts'

type Loop = (poller: Poller, act: (end: () => void) => void) => Promise<unknown>

const loops: [string, Loop][] = [
  [
    'runLoop that is ended by false',
    (poller, act) => {
      let isOver = false
      const end = () => {
        isOver = true
      }
      const onTick = () => {
        act(end)
        return !isOver
      }
      return runLoop(poller, { hz: 100, onTick })
    }
  ],
  [
    'runLoop that is aborted',
    (poller, act) => {
      const ending = new AbortController()
      return runLoop(poller, {
        hz: 100,
        signal: ending.signal,
        onTick: () => act(() => ending.abort())
      })
    }
  ],
  [
    'runLoop whose tick throws',
    (poller, act) => runLoop(poller, { hz: 100, onTick: () => act(fail) }).catch(() => {})
  ],
  [
    'runLoop that is aborted in onEvents',
    (poller, act) => {
      const ending = new AbortController()
      const onEvents = () => act(() => ending.abort())
      return runLoop(poller, {
        hz: 100,
        signal: ending.signal,
        onEvents,
        onTick: () => poller.wake()
      })
    }
  ],
  [
    'run() that is aborted',
    (poller, act) => {
      const ending = new AbortController()
      const onEvents = () => {
        act(() => ending.abort())
        poller.wake()
      }
      poller.wake()
      return poller.run(onEvents, { signal: ending.signal })
    }
  ],
  [
    'run() that throws',
    (poller, act) => {
      const onEvents = () => {
        poller.wake()
        act(fail)
      }
      poller.wake()
      return poller.run(onEvents).catch(() => {})
    }
  ],
  [
    'for await that is broken off',
    async (poller, act) => {
      let isOver = false
      const end = () => {
        isOver = true
      }
      poller.wake()
      for await (const _ of poller) {
        act(end)
        if (isOver) break
        poller.wake()
      }
    }
  ]
]

function fail(): never {
  throw new Error('the end')
}

test.each(loops)('%s', async (_name, loop) => {
  const poller = tested.poller()
  onTestFinished(() => poller.close())
  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  const peer = connectPeer(listener.localAddress)
  let connection: TcpConnection | undefined
  for await (const events of poller) {
    for (const event of events) if (event.type === 'accept') connection = event.socket
    if (connection !== undefined) break
  }
  let calls = 0
  await loop(poller, (end) => {
    if (++calls < 3) return
    connection?.send('bye')
    end()
  })
  expect(connection?.bufferedBytes).toBe(0)
  while (peer.receivedBytes < 3) await tested.turn()
  expect(peer.received.toString()).toBe('bye')
})
