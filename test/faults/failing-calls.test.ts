// Whatever system call fails, whenever: nobody waits for ever, nothing is lost that was not told
// of, each socket closes once, no descriptor stays, and the poller goes on. What is done each time
// stands in scenarios.mjs, which faults there are in shim/table.mjs.
import { Poller } from 'pollport'
import { expect, test } from 'vitest'
import { startStruck, withShim } from './shim/struck-child.ts'
import { callsOfARing, sweptCalls } from './shim/table.mjs'
import { survived } from './tally.ts'

const SWEEP = new URL('./sweep.mjs', import.meta.url)

const hasRing = hasBatchedCalls()

withShim()

function hasBatchedCalls(): boolean {
  using poller = new Poller()
  return poller.capabilities.batchedCalls
}

/** What is struck, by the arguments of sweep.mjs, which a failure names: a seed is one of them. */
async function holds(args: string[]): Promise<void> {
  const sweep = startStruck(SWEEP, args, 115_000)
  const what = `sweep.mjs ${args.join(' ')}`
  const { findings, ...done } = await sweep.at('done', 110_000)
  expect(findings, what).toEqual([])
  const { code, output } = await sweep.ended
  expect(code, `${what}, which said: ${output}`).toBe(0)
  const counts = Object.entries(done.survived as Record<string, number>)
  expect(counts.length, what).toBeGreaterThan(0)
  for (const [kind, count] of counts) survived(`calls: ${kind}`, count)
}

// What only a ring meets is skipped where the kernel refuses io_uring.
for (const call of sweptCalls) {
  test.skipIf(!hasRing && callsOfARing.includes(call))(
    `${call} fails in each way that its manual tells of, the first time, the second, …`,
    async () => {
      await holds([call])
    }
  )
}

test('many calls fail, by chance', async () => {
  // Another seed each day, so that a year of runs sees more than one. POLLPORT_SEED repeats one.
  const seed = process.env.POLLPORT_SEED ?? String(Math.floor(Date.now() / 86_400_000) * 1000)
  await holds(['random', '200', seed, ...(hasRing ? ['--ring'] : [])])
})
