// No descriptor left for what needs one: the right error each time, nothing left open by what
// failed half way, and all is well when there are some again. What accept does then:
// test/linux/descriptors-exhausted.test.ts.
import { expect, test } from 'vitest'
import { startChild } from '../support/child.ts'
import { survived } from './tally.ts'

test('whatever is made with too few descriptors throws EMFILE and leaves none open', async () => {
  const child = startChild(new URL('./exhausted.mjs', import.meta.url), { descriptors: 64 })
  const { findings, refused } = await child.at('done')
  expect(findings).toEqual([])
  expect((await child.ended).code).toBe(0)
  survived('descriptors exhausted when one was needed', refused as number)
})
