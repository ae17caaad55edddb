// for await (const events of poller): run() as a loop.
import type { Poller } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { connectPeer, LOCAL } from '../support/net-peer.ts'
import { tested } from '../support/tested-system.ts'

function openPoller(): Poller {
  const poller = tested.poller()
  onTestFinished(() => poller.close())
  return poller
}

test('an echo server as a loop; break ends it and leaves the poller usable', async () => {
  const poller = openPoller()
  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  const peer = connectPeer(listener.localAddress)
  peer.socket.write('hello')
  let ticks = 0
  const timer = setInterval(() => ticks++, 1)
  onTestFinished(() => clearInterval(timer))
  loop: for await (const events of poller) {
    expect(Array.isArray(events)).toBe(true)
    for (const event of events) {
      if (event.type === 'receive') event.socket.send(event.data)
      if (event.type === 'receive' && peer.received.length === 0) peer.socket.end()
      if (event.type === 'end') {
        event.socket.end()
        break loop
      }
    }
  }
  poller.wait(0)
  while (!peer.ended) await tested.sleep(1)
  expect(peer.received.toString()).toBe('hello')
  expect(ticks).toBeGreaterThanOrEqual(0)
})

test('a body that takes its time loses nothing', async () => {
  const poller = openPoller()
  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  const peer = connectPeer(listener.localAddress)
  let received = ''
  for (let number = 0; number < 10; number++)
    void tested.sleep(number * 5).then(() => peer.socket.write(`${number}`))
  for await (const events of poller) {
    for (const event of events) if (event.type === 'receive') received += event.data.toString()
    if (received.length === 10) break
    await tested.sleep(12)
  }
  expect(received).toBe('0123456789')
})

test('the bytes of a batch are right for as long as the body runs, awaits included', async () => {
  const poller = openPoller()
  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  const peer = connectPeer(listener.localAddress)
  peer.socket.write('first')
  for await (const events of poller) {
    const event = events.find(({ type }) => type === 'receive')
    if (event?.type !== 'receive') continue
    peer.socket.write('XXXXXXXXXXXXXXXXXXXX')
    await tested.sleep(30)
    expect(event.data.toString()).toBe('first')
    break
  }
})

test('what the body sends after an await leaves without another event', async () => {
  const poller = openPoller()
  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  const peer = connectPeer(listener.localAddress)
  for await (const events of poller) {
    const accept = events.find(({ type }) => type === 'accept')
    if (accept?.type !== 'accept') continue
    await tested.sleep(5)
    accept.socket.send('sent in between')
    const end = tested.now() + 5_000
    while (peer.received.length === 0 && tested.now() < end) await tested.sleep(1)
    expect(peer.received.toString()).toBe('sent in between')
    break
  }
})

test('return() ends it, throw() ends it, and closing the poller ends it', async () => {
  const poller = openPoller()
  const iterator = poller[Symbol.asyncIterator]()
  poller.wake()
  expect(await iterator.next()).toMatchObject({ done: false, value: [{ type: 'wake' }] })
  expect(await iterator.return?.()).toMatchObject({ done: true })
  expect(await iterator.next()).toMatchObject({ done: true })
  expect(poller.wait(0)).toEqual([])

  const mistake = new Error('a mistake in the body')
  await expect(async () => {
    poller.wake()
    for await (const _ of poller) throw mistake
  }).rejects.toBe(mistake)
  expect(poller.wait(0)).toEqual([])

  void tested.sleep(20).then(() => poller.close())
  let batches = 0
  for await (const _ of poller) batches++
  expect(batches).toBe(0)
})

test('return() settles while next() waits, gives that one its end, and leaves the poller usable at once', async () => {
  const poller = openPoller()
  poller.listenTcp({ address: LOCAL, port: 0 })
  const iterator = poller[Symbol.asyncIterator]()
  const waiting = [iterator.next(), iterator.next()]
  await tested.sleep(20)
  const ended = iterator.return?.()
  expect(poller.wait(0)).toEqual([])
  expect(await ended).toEqual({ done: true, value: undefined })
  expect(await Promise.all(waiting)).toEqual([
    { done: true, value: undefined },
    { done: true, value: undefined }
  ])
})

test('calls of next() that come before their batches get one each, in order', async () => {
  const poller = openPoller()
  const iterator = poller[Symbol.asyncIterator]()
  const asked = [iterator.next(), iterator.next()]
  poller.wake()
  expect(await asked[0]).toMatchObject({ done: false, value: [{ type: 'wake' }] })
  poller.wake()
  expect(await asked[1]).toMatchObject({ done: false, value: [{ type: 'wake' }] })
  await iterator.return?.()
})

test('an iterator that was never asked for anything holds nothing', async () => {
  const poller = openPoller()
  const iterator = poller[Symbol.asyncIterator]()
  expect(poller.wait(0)).toEqual([])
  expect(await iterator.return?.()).toMatchObject({ done: true })
  expect(await iterator.next()).toMatchObject({ done: true })
})

test('breaking out and beginning again goes on where it was', async () => {
  const poller = openPoller()
  for (let round = 0; round < 20; round++) {
    poller.wake()
    for await (const events of poller) {
      expect(events).toEqual([{ type: 'wake' }])
      break
    }
  }
})
