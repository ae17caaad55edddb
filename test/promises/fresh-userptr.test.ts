// An event's userPtr is the socket's at the moment when the program comes to the event, not when
// the batch was made.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type PollEvent, Poller, Socket } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'
import { openProbe } from '../support/poller-probe.ts'
import { closing } from '../support/raw-pair.ts'

const login = { name: 'Ann' }

/**
 * A poller that has an accept, and then the bytes and the end of that connection: on Linux in one
 * batch.
 */
function clientThatLeaves(): Poller<unknown> {
  const poller = new Poller<unknown>()
  onTestFinished(() => poller.close())
  const listener = poller.listenTcp({ address: LOCAL, port: 0 }, 'the listener')
  const client = closing(new Socket({ type: 'tcp' }))
  client.connect(listener.localAddress)
  client.send('login')
  client.shutdown('write')
  return poller
}

/** The batch with the end; what came before is passed to `handle`. */
async function batchWithEnd(
  poller: Poller<unknown>,
  handle: (event: PollEvent) => void = () => {}
): Promise<PollEvent[]> {
  for (;;) {
    const batch = poller.wait(1)
    if (
      Array.from({ length: batch.length }, (_, at) => batch[at]).some(({ type }) => type === 'end')
    )
      return batch
    batch.forEach(handle)
    await nextTurn()
  }
}

test.each([
  [
    'the iterator',
    (batch: PollEvent[], each: (event: PollEvent) => void) => {
      for (const event of batch) each(event)
    }
  ],
  ['forEach', (batch: PollEvent[], each: (event: PollEvent) => void) => batch.forEach(each)]
])('by %s', async (_name, walk) => {
  const poller = clientThatLeaves()
  let ofEnd: unknown
  const handle = (event: PollEvent) => {
    if (event.type === 'receive') event.socket.userPtr = login
    if (event.type === 'end') ofEnd = event.userPtr
  }
  // A completion port may bring the end in a batch after that of the bytes.
  walk(await batchWithEnd(poller, handle), handle)
  expect(ofEnd).toBe(login)
})

test('by a diverted connection, and in the close', async () => {
  const probe = openProbe<unknown>()
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 }, 'the listener')
  const client = closing(new Socket({ type: 'tcp' }))
  client.connect(listener.localAddress)
  const { socket } = await probe.first('accept')
  const userPtrs: unknown[] = []
  socket.divert((event) => {
    if (event.type === 'receive') socket.userPtr = login
    if (event.type === 'end') socket.end()
    userPtrs.push(event.userPtr)
  })
  client.send('login')
  client.shutdown('write')
  await probe.until('the close', () => socket.closed)
  await probe.until('and it is handed out', () => userPtrs.length === 3)
  expect(userPtrs).toEqual([undefined, login, login])
})

test('of an accept it is the listener’s of that moment, and the connection’s own is another', async () => {
  const poller = new Poller<unknown>()
  onTestFinished(() => poller.close())
  const listener = poller.listenTcp({ address: LOCAL, port: 0 }, 'first')
  for (let clients = 0; clients < 2; clients++)
    closing(new Socket({ type: 'tcp' })).connect(listener.localAddress)
  const userPtrs: unknown[] = []
  while (userPtrs.length < 2)
    for (const event of poller.wait(1)) {
      if (event.type !== 'accept') continue
      userPtrs.push(event.userPtr)
      expect(event.socket.userPtr).toBeUndefined()
      event.socket.userPtr = 'the connection’s'
      listener.userPtr = 'second'
    }
  expect(userPtrs).toEqual(['first', 'second'])
})

test('an event is a plain object: it can be copied, compared and printed', async () => {
  const batch = await batchWithEnd(clientThatLeaves())
  const [event] = [...batch]
  expect(Object.getPrototypeOf(event)).toBe(Object.prototype)
  for (const { get } of Object.values(Object.getOwnPropertyDescriptors(event)))
    expect(get).toBeUndefined()
})
