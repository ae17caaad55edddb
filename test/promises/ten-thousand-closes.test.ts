// S.21: ten thousand connections closed in one tick. Both ends are the poller's own, so that every
// close meets another one under way.
import type { TcpConnection } from 'pollport'
import { expect, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'
import { openProbe } from '../support/poller-probe.ts'
import { isWine } from '../support/system.ts'

// Under Wine, where every call goes through one server, ten thousand once are enough.
const pairsOf = (how: string) => (isWine && how !== 'close' ? 500 : 5000)
// So many at once that the listener's queue does not overflow: a connect that is dropped is only
// tried again after a second.
const WAVE = 100

test.each(['close', 'reset', 'end'] as const)(
  'S.21 thousands of connections, given up in one tick by %s(), are closed once each, and nothing comes after it',
  { timeout: 120_000 },
  async (how) => {
    const count = pairsOf(how)
    const probe = openProbe()
    probe.keeps = false
    const open = new Set<TcpConnection<unknown>>()
    const closed = new Set<unknown>()
    const wrong: string[] = []
    probe.onEvent = (event) => {
      if (event.type === 'accept' || event.type === 'connect') return void open.add(event.socket)
      if (event.type === 'wake') return
      if (closed.has(event.socket)) wrong.push(`${event.type} after close`)
      if (event.type !== 'close') return
      if (event.error !== undefined) wrong.push(`close with ${event.error.code}`)
      closed.add(event.socket)
    }
    const listener = probe.poller.listenTcp({ address: LOCAL, port: 0, backlog: 4 * WAVE })
    for (let pairs = 0; pairs < count; pairs += WAVE) {
      for (let each = 0; each < WAVE; each++) probe.poller.connectTcp(listener.localAddress)
      await probe.until('the wave is connected', () => open.size === 2 * (pairs + WAVE), 30_000)
    }
    for (const connection of open) connection[how]()
    await probe.until('all are closed', () => closed.size === open.size, 60_000)
    await probe.quiet(50)
    expect(wrong).toEqual([])
    expect(probe.poller.stats).toMatchObject({
      accepted: count,
      connected: count,
      closed: 2 * count,
      sockets: 1
    })
  }
)
