// Everything that tells the time or gives Node's loop a turn is replaced by what stands still, in
// every place where a program may find it, before the library is imported. What follows must work
// all the same. Arguments: `before` or `after` the import.

import { createRequire, syncBuiltinESMExports } from 'node:module'
import * as timers from 'node:timers'
import * as timersPromises from 'node:timers/promises'

const require = createRequire(import.meta.url)
const hrtime = process.hrtime.bigint
const isBefore = process.argv[2] === 'before'
const say = (message) => process.send(message)

function fake() {
  const never = () => ({ ref() {}, unref() {} })
  const pending = () => new Promise(() => {})
  for (const target of [globalThis, require('node:timers')])
    for (const name of [
      'setTimeout',
      'setInterval',
      'setImmediate',
      'clearTimeout',
      'clearInterval',
      'clearImmediate'
    ])
      target[name] = never
  const promises = require('node:timers/promises')
  for (const name of ['setTimeout', 'setImmediate', 'setInterval']) promises[name] = pending
  promises.scheduler.wait = pending
  globalThis.queueMicrotask = never
  process.nextTick = never
  process.hrtime = () => [0, 0]
  performance.now = () => 0
  Date.now = () => 0
  syncBuiltinESMExports()
  if (timers.setImmediate !== never || timersPromises.setImmediate !== pending)
    throw new Error('not all is faked')
}

if (isBefore) fake()
const { Poller, Socket, Epoll, Iocp, runLoop, supported } = await import('pollport')
if (!isBefore) fake()
if (!supported) throw new Error('no backend')

/** Calls `action` and tells how long it took, by a clock that is not faked. */
async function timed(mark, action) {
  const started = hrtime()
  await action()
  say({ mark, ms: Number(hrtime() - started) / 1e6 })
}

const poller = new Poller()
const raw = process.platform === 'win32' ? new Iocp() : new Epoll()
await timed('wait', () => poller.wait(20))
await timed('raw wait', () => raw.wait(20))
raw.close()
await timed('runLoop', () => runLoop(poller, { hz: 100, onTick: (tick) => tick < 3 }))

const listener = poller.listenTcp({ address: '127.0.0.1', port: 0 })
await timed('connection, idle time and exception in run()', async () => {
  const client = poller.connectTcp(listener.localAddress)
  client.send('x')
  const seen = []
  process.on('uncaughtException', (error) => seen.push(error.message))
  await poller.run((events) => {
    for (const event of events) {
      if (event.type === 'receive') {
        event.socket.setIdleTimeout(20)
        client.divert(() => {
          throw new Error('of a taker')
        })
        event.socket.send('y')
      }
      if (event.type === 'timeout') poller.close()
    }
  })
  say({ mark: 'exceptions', seen })
})

const other = new Poller()
await timed('for await', async () => {
  other.wake()
  for await (const _ of other) break
})
other.close()
new Socket({ type: 'tcp' }).close()
process.disconnect()
