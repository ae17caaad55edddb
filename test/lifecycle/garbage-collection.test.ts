// What a program drops without closing is closed by later waits, although a thread that never
// returns to Node's loop runs no finalizer.
import { expect, test } from 'vitest'
import { startChild } from '../support/child.ts'
import { countDescriptors } from '../support/descriptors.ts'
import { isWindows } from '../support/system.ts'

test.each([
  'sockets',
  'pollers',
  'pollers with sockets',
  'pollers with a waker',
  'detached and owned again',
  'pollers that ran',
  ...(isWindows ? [] : ['epolls in epolls']) // Iocps: test/windows/dropped-ports.test.ts
])('L.1 fifty dropped %s are reaped', async (what) => {
  const child = startChild(new URL('./garbage.mjs', import.meta.url), {
    args: [what],
    nodeOptions: ['--expose-gc']
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
  // The last few may still be in a register or on the stack.
  expect(after).toBeLessThanOrEqual(before + 5)
  expect((await child.ended).code).toBe(0)
})

test('L.1 forced collection all the time disturbs no traffic', async () => {
  const child = startChild(new URL('./traffic-under-collection.mjs', import.meta.url), {
    nodeOptions: ['--expose-gc']
  })
  expect(await child.at('done')).toMatchObject({ received: 2000 * 100, closes: 40 })
  expect(await child.ended).toMatchObject({ code: 0, output: '' })
})
