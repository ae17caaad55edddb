// A time that is further away than the system can count never comes, or is refused; it neither
// comes at once nor keeps a thread busy.
import { Epoll, Iocp, runLoop, Socket, toDuplex } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { LOCAL, listenPeer } from '../support/net-peer.ts'
import { openProbe, ownPair } from '../support/poller-probe.ts'
import { leastBusyMs } from '../support/processor-time.mjs'
import { closing } from '../support/raw-pair.ts'
import { isWindows } from '../support/system.ts'
import { tested } from '../support/tested-system.ts'

const FAR = [2 ** 31, 2 ** 32, 2 ** 53, 1e300, Number.MAX_VALUE]

test.each(FAR)('a wait of %d ms waits', (timeoutMs) => {
  const poller = closing(tested.poller())
  poller.wake()
  expect(poller.wait(timeoutMs)).toEqual([{ type: 'wake' }])
  const raw = closing(isWindows ? new Iocp() : new Epoll())
  raw.wake()
  expect(raw.wait(timeoutMs)).toEqual([])
})

test.each(FAR)(
  'an idle time, and a connect, of %d ms keep nobody busy inside run()',
  async (ms) => {
    const { port } = await listenPeer()
    const poller = tested.poller()
    const types: string[] = []
    const running = poller.run((events) => {
      for (const event of events) {
        types.push(event.type)
        if (event.type === 'connect') event.socket.setIdleTimeout(ms)
      }
    })
    onTestFinished(async () => {
      poller.close()
      await running
    })
    poller.connectTcp({ address: LOCAL, port, timeoutMs: ms })
    while (types.length === 0) await tested.sleep(1)
    const busyMs = await leastBusyMs(60, async () => {
      const { waits } = poller.stats
      await tested.sleep(300)
      expect(poller.stats.waits - waits).toBeLessThan(20)
    })
    expect(busyMs).toBeLessThan(60)
    expect(types).toEqual(['connect'])
  }
)

test('options that are times refuse what the system cannot count', () => {
  const socket = closing(new Socket({ type: 'tcp' }))
  for (const name of [
    'receiveTimeoutMs',
    'sendTimeoutMs',
    'lingerMs',
    'keepAliveIdleMs',
    'keepAliveIntervalMs'
  ] as const)
    for (const ms of FAR)
      expect(() => socket.setOption(name, ms), `${name} ${ms}`).toThrow(
        expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' })
      )
})

test('a stream’s closeTimeoutMs, and ticks that are further apart than any number tells, are refused', async () => {
  const probe = openProbe()
  const { near } = await ownPair(probe)
  for (const closeTimeoutMs of FAR)
    expect(() => toDuplex(near, { closeTimeoutMs })).toThrow(
      expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' })
    )
  for (const hz of [Number.MIN_VALUE, 1e-300])
    await expect(runLoop(probe.poller, { hz, onTick: () => false })).rejects.toMatchObject({
      code: 'ERR_OUT_OF_RANGE'
    })
})

test('the slowest loop that there may be has its first tick at once', async () => {
  expect(await runLoop(closing(tested.poller()), { hz: 1e-9, onTick: () => false })).toMatchObject({
    ticks: 1,
    missed: 0
  })
})
