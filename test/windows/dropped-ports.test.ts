// What a program drops without closing is closed by later waits: ports, their sockets, and the
// memory of finished operations.
import { expect, test } from 'vitest'
import { startChild } from '../support/child.ts'
import { countDescriptors } from '../support/descriptors.ts'

test('L.1 fifty dropped ports with their sockets are reaped', { timeout: 40_000 }, async () => {
  const child = startChild(new URL('./dropped-ports.mjs', import.meta.url), {
    nodeOptions: ['--expose-gc'],
    deadlineMs: 35_000
  })
  const pid = child.process.pid as number
  await child.at('before')
  const before = countDescriptors(pid)
  child.go()
  await child.at('dropped')
  child.go()
  await child.at('waited')
  const after = countDescriptors(pid)
  child.go()
  // A port and three sockets each; the last few may still be in a register or on the stack.
  expect(after).toBeLessThanOrEqual(before + 8)
  expect((await child.ended).code).toBe(0)
})
