// WebSockets that come and go leave nothing behind: no descriptor, no handle, no memory. How many
// is the caller's choice: a short form in the suite, a long one by npm run test:websocket -- churn.
import { expect } from 'vitest'
import { startChild } from '../support/child.ts'
import { countDescriptors, descriptorsBackAt } from '../support/descriptors.ts'
import { isSanitized, isWine } from '../support/system.ts'

export interface Churn {
  /** How many WebSockets are one part, and how many parts there are. */
  aPart: number
  leastParts: number
  mostParts: number
  /** How many bytes of V8's heap each WebSocket may leave behind. */
  heapBytesEach: number
  deadlineMs: number
}

/** The figures that it measured, for a report. */
export async function churn(of: Churn): Promise<Record<string, unknown>> {
  const { aPart, leastParts, mostParts, heapBytesEach, deadlineMs } = of
  // As test/promises/open-close-rounds.test.ts has it, whose process is the same.
  const processBytes = (isWine ? 512 : 128) * 1024
  const numbers = [aPart, leastParts, mostParts, aPart * heapBytesEach, processBytes]
  const child = startChild(new URL('../support/websocket-rounds.mjs', import.meta.url), {
    args: numbers.map(String),
    nodeOptions: ['--expose-gc', '--max-semi-space-size=1', '--single-threaded'],
    deadlineMs
  })
  const pid = child.process.pid as number
  await child.at('warm', deadlineMs)
  const before = countDescriptors(pid)
  child.go()
  const result = await child.at('rounds', deadlineMs)
  const after = await descriptorsBackAt(before, pid)
  const { made, heapGrowths, processGrowths } = result as {
    made: number
    heapGrowths: number[]
    processGrowths: number[]
  }
  expect(made).toBe(aPart * (1 + heapGrowths.length))
  // One in five is refused. The listener is what is left.
  const each = made / 5
  expect(result).toMatchObject({ closed: made, opened: 4 * each, serverClosed: 4 * each })
  expect(result).toMatchObject({ sockets: 1, subscribers: 0 })
  expect(result.ends).toEqual(
    Object.fromEntries(
      ['close', 'terminate', 'refused', 'server', 'silent'].map((way) => [way, each])
    )
  )
  expect(after).toBeLessThanOrEqual(before)
  expect(result.middleHeapGrowth, `V8's heap grew by ${heapGrowths}`).toBeLessThan(
    aPart * heapBytesEach
  )
  // A sanitizer keeps back what is freed, and finds leaks itself.
  if (!isSanitized)
    expect(result.middleProcessGrowth, `the process grew by ${processGrowths}`).toBeLessThan(
      processBytes
    )
  child.go()
  expect((await child.ended).code).toBe(0)
  return { ...result, descriptorsBefore: before, descriptorsAfter: after }
}
