// A send that the system takes between two waits puts an idle timeout off from its own time on, and
// not from that of the last wait.
import { expect, test } from 'vitest'
import { acceptedPair } from '../support/net-peer.ts'
import { openProbe } from '../support/poller-probe.ts'

const IDLE_MS = 300

test.each([
  ['that leaves at once', Buffer.alloc(20_000)],
  ['that a flush() sends', 'small']
])(
  'the time begins anew with a send %s, however long the program has worked before it',
  async (_how, data) => {
    const probe = openProbe()
    const { connection } = await acceptedPair(probe)
    connection.setIdleTimeout(IDLE_MS)
    probe.step()
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, IDLE_MS - 100)
    const sent = performance.now()
    connection.send(data)
    probe.poller.flush()
    await probe.first('timeout', connection)
    expect(performance.now() - sent).toBeGreaterThanOrEqual(IDLE_MS)
  }
)
