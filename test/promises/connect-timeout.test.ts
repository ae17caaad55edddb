// A connect that nobody answers. A full queue makes one without a network: Linux drops a connect
// then, and so Wine does, which stands on Linux. Windows refuses it.
import { Socket } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'
import { openProbe, type Probe } from '../support/poller-probe.ts'
import { closing } from '../support/raw-pair.ts'
import { isWindows, isWine } from '../support/system.ts'

// Windows itself answers a full queue with a refusal, and no other connect on the loopback stays
// without an answer.
const silent = test.skipIf(isWindows && !isWine)

/** A listener that never accepts and whose queue is full. */
async function silentListener(probe: Probe) {
  const listener = new Socket({ type: 'tcp' })
  onTestFinished(() => listener.close())
  listener.bind({ address: LOCAL, port: 0 })
  listener.listen(0)
  const { port } = listener.localAddress
  const filler = probe.poller.connectTcp({ address: LOCAL, port }) // A queue of 0 holds one.
  await probe.first('connect', filler)
  return { listener, to: { address: LOCAL, port } }
}

silent(
  'S.13 a connect that nobody answers within timeoutMs is a close event with ETIMEDOUT, not early',
  async () => {
    const probe = openProbe()
    const { to } = await silentListener(probe)
    const start = performance.now()
    const connection = probe.poller.connectTcp({ ...to, timeoutMs: 300 })
    connection.send('never heard')
    const { error } = await probe.first('close', connection)
    const spent = performance.now() - start
    expect(error).toMatchObject({ name: 'SocketError', code: 'ETIMEDOUT', ...to })
    expect(spent).toBeGreaterThanOrEqual(299)
    expect(spent).toBeLessThan(3_000)
    await probe.quiet()
    expect(probe.typesOf(connection)).toEqual(['close'])
  }
)

silent('S.13 the timeout ends a long wait: nobody has to poll for it', async () => {
  const probe = openProbe()
  const { to } = await silentListener(probe)
  const connection = probe.poller.connectTcp({ ...to, timeoutMs: 200 })
  const start = performance.now()
  while (probe.seen('close', connection).length === 0 && performance.now() - start < 5_000)
    probe.step(10_000)
  expect(performance.now() - start).toBeLessThan(5_000)
})

silent.each(['close', 'reset'] as const)(
  'S.13 %s() while nobody answers gives one close event with ECANCELED, and no timeout later',
  async (how) => {
    const probe = openProbe()
    const { to } = await silentListener(probe)
    const connection = probe.poller.connectTcp({ ...to, timeoutMs: 500 })
    connection.send('never heard')
    probe.step(0)
    connection[how]()
    expect((await probe.first('close', connection)).error?.code).toBe('ECANCELED')
    await probe.quiet(600)
    expect(probe.typesOf(connection)).toEqual(['close'])
  }
)

silent(
  'S.13 an idle timeout does not run while nobody answers: connect comes first, or close alone',
  async () => {
    const probe = openProbe()
    const { to } = await silentListener(probe)
    const connection = probe.poller.connectTcp({ ...to, timeoutMs: 400 })
    connection.setIdleTimeout(50)
    await probe.first('close', connection)
    expect(probe.typesOf(connection)).toEqual(['close'])
  }
)

silent(
  'S.13 an idle timeout that was over while nobody answered runs from the connect on',
  async () => {
    const probe = openProbe()
    const { listener, to } = await silentListener(probe)
    const connection = probe.poller.connectTcp(to)
    connection.setIdleTimeout(50)
    expect(await probe.quiet(100)).toEqual([])
    // Now there is room, which the system finds when it asks again.
    closing(listener.accept() as Socket)
    await probe.first('timeout', connection)
    expect(probe.typesOf(connection)).toEqual(['connect', 'timeout'])
  }
)
