// A process that has no memory left for the addon's own few tables ends as Node itself does then:
// at once, by abort. What may not be is an exception of C++ that runs through Node's frames, a wait
// that hangs, or a table half written that somebody goes on with.
import { expect, test } from 'vitest'
import { startStruck, withShim } from './shim/struck-child.ts'
import { survived } from './tally.ts'

withShim()

test('the process ends by abort, whichever request for memory is refused', async () => {
  let aborted = 0
  for (const nth of [1, 2, 3, 5, 8, 13, 21, 34]) {
    const child = startStruck(
      new URL('./out-of-memory.mjs', import.meta.url),
      [String(nth)],
      30_000
    )
    const { signal, output } = await child.ended
    expect(`${signal} ${output}`).toMatch(/^SIGABRT [\s\S]*bad_alloc/)
    aborted++
  }
  survived('memory refused to the addon: the process ends by abort', aborted)
})
