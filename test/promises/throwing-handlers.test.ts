// A handler that throws loses nothing but the event at which it threw: what it had not come to
// comes with the next batch.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type PollEvent, Poller, runLoop, Socket, type TcpConnection } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'
import { closing } from '../support/raw-pair.ts'

const mistake = new Error('a mistake in the handler')

function openPoller(): Poller {
  const poller = new Poller()
  onTestFinished(() => poller.close())
  return poller
}

/** So many clients, whose accepts are in one batch; the first bytes of each are its number. */
function clients(poller: Poller, count: number): Socket[] {
  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  return Array.from({ length: count }, (_, number) => {
    const client = closing(new Socket({ type: 'tcp' }))
    client.connect(listener.localAddress)
    client.send(`${number}`)
    return client
  })
}

/**
 * Everything that a poller says until there have been so many of one type, by a walk that throws at
 * each event of that type.
 */
async function walkThrowing(
  type: PollEvent['type'],
  count: number,
  ways: (onEvents: (events: PollEvent[]) => void) => Promise<unknown>
): Promise<PollEvent[]> {
  const seen: PollEvent[] = []
  while (seen.filter((event) => event.type === type).length < count) {
    await expect(
      ways((events) => {
        for (const event of events) {
          seen.push('data' in event ? { ...event, data: Buffer.from(event.data) } : event)
          if (event.type === type) throw mistake
        }
      })
    ).rejects.toBe(mistake)
  }
  return seen
}

test.each([
  ['run()', (poller: Poller) => (onEvents: (events: PollEvent[]) => void) => poller.run(onEvents)],
  [
    'runLoop()',
    (poller: Poller) => (onEvents: (events: PollEvent[]) => void) =>
      runLoop(poller, { hz: 1_000, onEvents, onTick() {} })
  ],
  [
    'for await',
    (poller: Poller) => async (onEvents: (events: PollEvent[]) => void) => {
      for await (const events of poller) onEvents(events)
    }
  ]
])('%s: every accept comes once, and all bytes are right', async (_name, begin) => {
  const poller = openPoller()
  clients(poller, 5)
  await nextTurn()
  const accepts = await walkThrowing('accept', 5, begin(poller))
  expect(
    new Set(
      accepts
        .filter(({ type }) => type === 'accept')
        .map((event) => event.type !== 'wake' && event.socket)
    ).size
  ).toBe(5)
  const before = accepts.filter(({ type }) => type === 'receive')
  const after =
    before.length < 5 ? await walkThrowing('receive', 5 - before.length, begin(poller)) : []
  const texts = [...before, ...after].flatMap((event) =>
    event.type === 'receive' ? [event.data.toString()] : []
  )
  expect(texts.toSorted()).toEqual(['0', '1', '2', '3', '4'])
})

test('a handler that throws before it comes to any event gets the whole batch again', async () => {
  const poller = openPoller()
  clients(poller, 3)
  await expect(
    poller.run(() => {
      throw mistake
    })
  ).rejects.toBe(mistake)
  const accepts = poller.wait(0).filter(({ type }) => type === 'accept')
  expect(accepts.length).toBeGreaterThan(0)
  expect(poller.stats.accepted).toBe(accepts.length)
})

test('a loop that reads by index and is broken off in order has had its batch', async () => {
  const poller = openPoller()
  poller.wake()
  for await (const events of poller) {
    expect(events[0].type).toBe('wake')
    break
  }
  expect(poller.wait(0)).toEqual([])
})

test('what a program of errors leaves does not grow: the system is asked for more when the rest has been given out', async () => {
  const poller = openPoller()
  const [client] = clients(poller, 1)
  for (let round = 0; round < 50; round++) {
    client.send('x')
    await poller
      .run(() => {
        throw mistake
      })
      .catch(() => {})
  }
  const batch = poller.wait(0)
  expect(batch.length).toBeLessThanOrEqual(2)
})

test('one whose close a handler did not come to may still be sent to in the next batch', async () => {
  const poller = openPoller()
  const [client] = clients(poller, 1)
  let connection: TcpConnection | undefined
  await poller
    .run((events) => {
      for (const event of events) {
        if (event.type === 'accept') connection = event.socket
        if (event.type === 'receive') throw mistake
      }
    })
    .catch(() => {})
  client.reset()
  const throwing = poller.run(() => {
    throw mistake
  })
  await expect(throwing).rejects.toBe(mistake)
  expect(connection?.closed).toBe(true)
  let result: unknown
  await poller.run(() => {
    result = connection?.send('to one whose close is in this batch')
    poller.close()
  })
  expect(result).toBe(false)
})

test('an async handler that fails before its first await has had no more than it came to', async () => {
  const poller = openPoller()
  clients(poller, 3)
  let accepts = 0
  while (accepts < 3)
    await expect(
      poller.run(async (events) => {
        for (const event of events) {
          if (event.type !== 'accept') continue
          accepts++
          throw mistake
        }
      })
    ).rejects.toBe(mistake)
  expect(poller.stats.accepted).toBe(3)
})

test('an async handler is not waited for; its rejection ends run() and runLoop(), whenever it comes', async () => {
  const poller = openPoller()
  let batches = 0
  let fail: () => void = () => {}
  const running = poller.run(async () => {
    batches++
    if (batches > 1) return
    await new Promise<void>((resolve) => {
      fail = resolve
    })
    throw mistake
  })
  for (let number = 1; number <= 3; number++) {
    poller.wake()
    while (batches < number) await nextTurn()
  }
  fail()
  await expect(running).rejects.toBe(mistake)

  poller.wake()
  await expect(
    runLoop(poller, {
      hz: 100,
      onEvents: async () => {
        await nextTurn()
        throw mistake
      },
      onTick() {}
    })
  ).rejects.toBe(mistake)

  const onTick = (async () => {
    throw mistake
  }) as unknown as () => void
  await expect(runLoop(poller, { hz: 100, onTick })).rejects.toBe(mistake)
  await expect(
    runLoop(poller, {
      hz: 100,
      exclusive: true,
      onTick: (tick) => (tick === 0 ? onTick() : tick < 3)
    })
  ).rejects.toBe(mistake)
})

test('a rejection after the end is an unhandled one, as it is of any promise', async () => {
  const poller = openPoller()
  const seen: unknown[] = []
  const others = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', (error) => void seen.push(error))
  onTestFinished(() => {
    process.removeAllListeners('unhandledRejection')
    for (const listener of others) process.on('unhandledRejection', listener)
  })
  poller.wake()
  let fail: () => void = () => {}
  const ending = new AbortController()
  await poller.run(
    async () => {
      ending.abort()
      await new Promise<void>((resolve) => {
        fail = resolve
      })
      throw mistake
    },
    { signal: ending.signal }
  )
  fail()
  while (seen.length === 0) await nextTurn()
  expect(seen).toEqual([mistake])
})
