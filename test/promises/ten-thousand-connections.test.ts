// Ten thousand connections at once (two thousand on Windows), each of which has something echoed:
// node:net in a child process is the crowd.
import { setTimeout as delay } from 'node:timers/promises'
import type { TcpConnection } from 'pollport'
import { expect, test } from 'vitest'
import { startChild } from '../support/child.ts'
import { LOCAL } from '../support/net-peer.ts'
import { openProbe } from '../support/poller-probe.ts'
import { isWindows } from '../support/system.ts'

const COUNT = isWindows ? 2_000 : 10_000

test('S.21 all are accepted, all are echoed, an idle one holds no buffer, and closing them in one tick closes each once', {
  timeout: 90_000
}, async () => {
  const probe = openProbe()
  probe.keeps = false
  const open = new Set<TcpConnection<unknown>>()
  let closes = 0
  probe.onEvent = (event) => {
    if (event.type === 'accept') open.add(event.socket)
    if (event.type === 'receive') event.socket.send(event.data)
    if (event.type === 'close') {
      closes++
      open.delete(event.socket as TcpConnection<unknown>)
    }
  }
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0, backlog: 4096 })
  const arrayBuffersBefore = process.memoryUsage().arrayBuffers
  const crowd = startChild(new URL('../support/crowd.mjs', import.meta.url), {
    args: [String(listener.localAddress.port), String(COUNT)],
    deadlineMs: 85_000
  })
  const reaches = async (mark: string) => {
    let message: Record<string, unknown> | undefined
    let failure: unknown
    crowd.at(mark, 60_000).then(
      (found) => {
        message = found
      },
      (error) => {
        failure = error
      }
    )
    await probe.until(
      `the crowd comes to "${mark}"`,
      () => message !== undefined || failure !== undefined,
      60_000
    )
    if (failure) throw failure
    return message as Record<string, unknown>
  }

  await reaches('connected')
  await probe.until('everybody is accepted', () => open.size === COUNT)
  crowd.go()
  expect(await reaches('echoed')).toMatchObject({ right: COUNT, wrong: 0 })
  expect(probe.poller.stats).toMatchObject({ accepted: COUNT, sockets: COUNT + 1 })
  // The receive buffer and the outbox belong to the poller; what ten thousand idle connections hold
  // comes on top, and must be nothing.
  const grown = process.memoryUsage().arrayBuffers - arrayBuffersBefore
  expect(grown).toBeLessThan(16 * 1024 * 1024)
  expect([...open].reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0)).toBe(0)

  const all = [...open]
  for (const connection of all) connection.close()
  await probe.until('each has closed', () => closes === COUNT)
  expect(await reaches('ended')).toMatchObject({ ended: COUNT, errors: 0 })
  await delay(20)
  probe.step(0)
  expect(closes).toBe(COUNT)
  expect(probe.poller.stats).toMatchObject({ closed: COUNT, sockets: 1 })
  crowd.go()
  expect((await crowd.ended).code).toBe(0)
})
