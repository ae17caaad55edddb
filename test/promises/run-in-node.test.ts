// run(): the poller beside everything else that lives in Node's event loop.
import { once } from 'node:events'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { PollEvent, Poller } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { connectPeer, LOCAL, listenPeer, type NetPeer } from '../support/net-peer.ts'
import { thrownBy } from '../support/poller-probe.ts'
import { tested } from '../support/tested-system.ts'

function openPoller(): Poller {
  const poller = tested.poller()
  onTestFinished(() => poller.close())
  return poller
}

/** Fails with a sentence instead of hanging. */
async function within<T>(what: string, promise: Promise<T>, deadlineMs = 10_000): Promise<T> {
  let isSettled = false
  const settle = () => {
    isSettled = true
  }
  promise.then(settle, settle)
  await until(what, () => isSettled, deadlineMs)
  return promise
}

async function until(what: string, done: () => boolean, deadlineMs = 10_000): Promise<void> {
  const end = tested.now() + deadlineMs
  while (!done()) {
    if (tested.now() > end)
      throw new Error(`within ${deadlineMs} ms this did not come true: ${what}`)
    await tested.sleep(1)
  }
}

/** An echo server in run(). */
function runEcho(poller: Poller, signal?: AbortSignal) {
  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  const running = poller.run(
    (events) => {
      for (const event of events) {
        if (event.type === 'receive') event.socket.send(event.data)
        if (event.type === 'end') event.socket.end()
      }
    },
    { signal }
  )
  return { listener, running }
}

test('S.25 an echo server runs, and AbortSignal ends it', async () => {
  const poller = openPoller()
  const ending = new AbortController()
  const { listener, running } = runEcho(poller, ending.signal)
  const peer = connectPeer(listener.localAddress)
  peer.socket.write('hello')
  await until('it is echoed', () => peer.received.toString() === 'hello')
  ending.abort()
  expect(await within('run() ends', running)).toBeUndefined()
  // Afterwards the poller is in the program's hands again.
  peer.socket.write('more')
  await until('the bytes are there for wait()', () =>
    poller.wait(0).some(({ type }) => type === 'receive')
  )
})

test('S.25 it runs beside an http server, timers and promises, and neither starves', {
  timeout: 20_000
}, async () => {
  const poller = openPoller()
  const { listener } = runEcho(poller)
  const server = createServer((_, response) => response.end('http')).listen(0, LOCAL)
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  let ticks = 0
  const timer = setInterval(() => ticks++, 5)
  onTestFinished(() => clearInterval(timer))
  // A client that keeps the poller busy all the time.
  const flooder = connectPeer(listener.localAddress, { keep: false })
  const chunk = Buffer.alloc(64 * 1024)
  let flooding = true
  const flood = () => {
    if (flooding && !flooder.socket.destroyed) flooder.socket.write(chunk, flood)
  }
  flood()
  const start = tested.now()
  const answers: string[] = []
  for (let requests = 0; requests < 50; requests++) {
    const [response] = await within(
      'the http server answers',
      once(get({ port, host: LOCAL, agent: false }), 'response')
    )
    answers.push(Buffer.concat(await within('its answer is whole', response.toArray())).toString())
  }
  await tested.sleep(Math.max(0, 500 - (tested.now() - start)))
  flooding = false
  const spent = tested.now() - start
  expect(answers).toEqual(Array(50).fill('http'))
  // A tenth of all would be bad service, but no starvation.
  expect(ticks).toBeGreaterThan(spent / 5 / 10)
  expect(flooder.receivedBytes).toBeGreaterThan(chunk.length)
})

test('S.25 each batch is one call, in a turn of its own: promises and immediates run in between', async () => {
  const poller = openPoller()
  let immediates = 0
  let batches = 0
  poller.run(() => {
    batches++
    setImmediate(() => immediates++)
    if (batches < 50) poller.wake()
  })
  poller.wake()
  await until('fifty batches', () => batches === 50)
  await until('and as many immediates', () => immediates === 50)
})

test('what a timer sends leaves in the same turn', async () => {
  const poller = openPoller()
  const { port, peers } = await listenPeer()
  const connection = poller.connectTcp({ address: LOCAL, port })
  const seen: string[] = []
  poller.run((events) => void seen.push(...events.map(({ type }) => type)))
  await until('it is connected', () => seen.includes('connect'))
  for (const text of ['one', 'two', 'three']) {
    const queued = await new Promise<{ at: number; after: number }>((resolve) => {
      void tested.sleep(5).then(() => {
        connection.send(text)
        const at = connection.bufferedBytes
        setImmediate(() => resolve({ at, after: connection.bufferedBytes }))
      })
    })
    expect(queued).toEqual({ at: text.length, after: 0 })
  }
  await until('all is there', () => peers[0].received.toString() === 'onetwothree')
})

test('what a promise, a microtask, an immediate and a nextTick send leaves without an event', async () => {
  const poller = openPoller()
  const { port, peers } = await listenPeer()
  const connection = poller.connectTcp({ address: LOCAL, port })
  let isConnected = false
  poller.run((events) => {
    isConnected ||= events.some(({ type }) => type === 'connect')
  })
  await until('it is connected', () => isConnected)
  await tested.sleep(20)
  const ways: ((callback: () => void) => void)[] = [
    queueMicrotask,
    process.nextTick,
    setImmediate,
    (callback) => void Promise.resolve().then(callback),
    (callback) => void tested.sleep(1).then(callback)
  ]
  for (const [number, way] of ways.entries()) {
    way(() => connection.send(`${number}`))
    await until(`way ${number} arrives`, () => peers[0]?.received.toString().endsWith(`${number}`))
  }
})

test('what one event makes the program do late (close, end, connect, idle times) needs no other event', async () => {
  const poller = openPoller()
  const { listener } = runEcho(poller)
  await tested.sleep(20)
  const { port, peers } = await listenPeer()
  const connection = poller.connectTcp({ address: LOCAL, port })
  await until('a connect from outside of a handler', () => peers.length === 1)
  await tested.sleep(20)
  connection.end()
  await until('an end from outside', () => peers[0].ended)
  const peer = connectPeer(listener.localAddress)
  await until('a client gets in', () => peer.connected)
  await tested.sleep(20)
  listener.close()
  await tested.sleep(20)
  const late = connectPeer({ address: LOCAL, port: peer.socket.remotePort as number })
  await until('a closed listener refuses', () => late.errorCode === 'ECONNREFUSED')
})

test('an idle timeout comes in run() too', async () => {
  const poller = openPoller()
  const { port } = await listenPeer()
  const connection = poller.connectTcp({ address: LOCAL, port })
  const seen: PollEvent[] = []
  poller.run((events) => void seen.push(...events))
  await until('it is connected', () => seen.some(({ type }) => type === 'connect'))
  await tested.sleep(20)
  connection.setIdleTimeout(50)
  await until('the timeout comes', () => seen.some(({ type }) => type === 'timeout'))
})

test('S.25 L.4 an exception in the handler rejects run() and leaves the poller usable', async () => {
  const poller = openPoller()
  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  const mistake = new Error('a mistake in the handler')
  const running = poller.run(() => {
    throw mistake
  })
  const peer = connectPeer(listener.localAddress)
  peer.socket.write('hi')
  await expect(within('run() is rejected', running)).rejects.toBe(mistake)
  const seen: PollEvent[] = []
  const ending = new AbortController()
  const again = poller.run((events) => void seen.push(...events), { signal: ending.signal })
  await until('the next run() hears the client', () => seen.some(({ type }) => type === 'receive'))
  ending.abort()
  await within('the second run() ends', again)
})

test('a handler that is async is not waited for', async () => {
  const poller = openPoller()
  let calls = 0
  poller.run(async () => {
    calls++
    await new Promise(() => {})
  })
  poller.wake()
  await until('the first call', () => calls === 1)
  poller.wake()
  await until('the second call', () => calls === 2)
})

test('S.25 a signal that has aborted already ends run() at once', async () => {
  const poller = openPoller()
  let calls = 0
  poller.wake()
  await within(
    'run() ends',
    poller.run(() => calls++, { signal: AbortSignal.abort() })
  )
  expect(calls).toBe(0)
})

test('S.25 aborting inside the handler ends it after this batch', async () => {
  const poller = openPoller()
  const ending = new AbortController()
  let calls = 0
  const running = poller.run(
    () => {
      calls++
      ending.abort()
      poller.wake()
    },
    { signal: ending.signal }
  )
  poller.wake()
  await within('run() ends', running)
  expect(calls).toBe(1)
  expect(poller.wait(0)).toEqual([{ type: 'wake' }])
})

test('closing the poller ends run(), from outside and inside of the handler', async () => {
  for (const inside of [false, true]) {
    const poller = openPoller()
    const running = poller.run(() => {
      if (inside) poller.close()
    })
    if (inside) poller.wake()
    else void tested.sleep(20).then(() => poller.close())
    await within(`run() ends (${inside ? 'inside' : 'outside'})`, running)
    expect(thrownBy(() => poller.wait(0)).code).toBe('EBADF')
  }
})

test('only one may run: a second run(), or wait() meanwhile, is an error with a code', async () => {
  const poller = openPoller()
  const ending = new AbortController()
  let codeInside: string | undefined
  const running = poller.run(
    () => {
      codeInside = thrownBy(() => poller.wait(0)).code
    },
    { signal: ending.signal }
  )
  await expect(poller.run(() => {})).rejects.toMatchObject({ code: expect.stringMatching(/BUSY/) })
  expect(thrownBy(() => poller.wait(0)).code).toMatch(/BUSY/)
  await expect(poller[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    code: expect.stringMatching(/BUSY/)
  })
  poller.wake()
  await until('the handler was called', () => codeInside !== undefined)
  expect(codeInside).toMatch(/BUSY/)
  ending.abort()
  await within('the first run() ends', running)
  expect(poller.wait(0)).toEqual([])
})

test('run() can be begun and ended many times over', async () => {
  const poller = openPoller()
  for (let round = 0; round < 100; round++) {
    const ending = new AbortController()
    const running = poller.run(() => ending.abort(), { signal: ending.signal })
    poller.wake()
    await within('run() ends', running)
  }
  expect(poller.wait(0)).toEqual([])
})

test('what came before run() began is its first batch', async () => {
  const poller = openPoller()
  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  const peer = connectPeer(listener.localAddress)
  peer.socket.write('early')
  await until('the client is connected', () => peer.connected)
  await tested.sleep(20)
  const seen: PollEvent[] = []
  poller.run((events) => void seen.push(...events))
  await until(
    'accept and data',
    () => seen.some(({ type }) => type === 'accept') && seen.some(({ type }) => type === 'receive')
  )
})

test('an idle run() sleeps', async () => {
  const poller = openPoller()
  poller.listenTcp({ address: LOCAL, port: 0 })
  let calls = 0
  poller.run(() => calls++)
  await tested.sleep(100)
  const before = process.cpuUsage()
  const { waits } = poller.stats
  await tested.sleep(500)
  const { user, system } = process.cpuUsage(before)
  expect(calls).toBe(0)
  expect(poller.stats.waits - waits).toBeLessThan(20)
  expect((user + system) / 1000).toBeLessThan(250)
})

test('no empty batches: the handler is called when there is something', async () => {
  const poller = openPoller()
  const { port } = await listenPeer()
  const sizes: number[] = []
  const connection = poller.connectTcp({ address: LOCAL, port })
  poller.run((events) => void sizes.push([...events].length))
  await until('it is connected', () => sizes.length > 0)
  for (let round = 0; round < 20; round++) {
    connection.send('x')
    await tested.sleep(1)
  }
  expect(Math.min(...sizes)).toBeGreaterThan(0)
})

test('several pollers run side by side', async () => {
  const pollers = [1, 2, 3, 4].map(() => openPoller())
  const listeners = pollers.map((poller) => runEcho(poller).listener)
  const peers: NetPeer[] = listeners.flatMap((listener) =>
    [1, 2, 3].map(() => connectPeer(listener.localAddress))
  )
  for (const [at, peer] of peers.entries()) peer.socket.write(`to ${at}`)
  await until('all are echoed', () =>
    peers.every((peer, at) => peer.received.toString() === `to ${at}`)
  )
})

test('ten thousand round trips through run() lose none', { timeout: 30_000 }, async () => {
  const poller = openPoller()
  const { listener } = runEcho(poller)
  const peer = connectPeer(listener.localAddress, { keep: false })
  let round = 0
  await within(
    'ten thousand round trips',
    new Promise<void>((resolve) => {
      const next = () => (++round > 10_000 ? resolve() : void peer.socket.write('x'))
      peer.socket.on('data', next)
      next()
    }),
    25_000
  )
  expect(peer.receivedBytes).toBe(10_000)
})
