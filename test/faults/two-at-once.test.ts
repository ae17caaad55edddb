// What sweeping one fault after another does not meet.
import { expect, test } from 'vitest'
import { startStruck, withShim } from './shim/struck-child.ts'
import { survived } from './tally.ts'

/** In two seconds, a loaded machine's share included. */
const MOST_BUSY_MS = 200
const SCRIPT = new URL('./two-at-once.mjs', import.meta.url)

withShim()

test('a listener that may never accept says so and rests, instead of spinning in silence', async () => {
  const args = ['acceptForbidden', String(MOST_BUSY_MS)]
  const done = await startStruck(SCRIPT, args, 30_000).at('done')
  expect(done).toMatchObject({ code: 'EPERM', syscall: 'accept', accepted: true })
  expect(done.busyMs).toBeLessThan(MOST_BUSY_MS)
  survived('calls: accept4 fails', done.faults as number)
})

test('a wait that fails after a send was cut loses none of its bytes', async () => {
  const done = await startStruck(SCRIPT, ['waitAfterShortSend'], 30_000).at('done')
  expect(done).toMatchObject({ received: 3000, sent: 3000, faults: 2 })
})
