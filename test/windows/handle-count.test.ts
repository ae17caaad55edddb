// The count by which these tests find leaks, NtQuerySystemInformation(16): GetProcessHandleCount
// tells nothing under Wine.
import { Iocp, Socket } from 'pollport'
import { expect, test } from 'vitest'
import { startChild } from '../support/child.ts'
import { countDescriptors } from '../support/descriptors.ts'
import { closing } from '../support/raw-pair.ts'
import { isWine } from '../support/system.ts'
import { ownHandles, processHandleCount } from '../support/win32.mjs'

test('I.22 the handles that are counted are those of this process: what is opened is in the count, what is closed is not', () => {
  closing(new Socket({ type: 'tcp' })) // The first one opens what the process keeps.
  const before = countDescriptors()
  const opened = [...Array.from({ length: 20 }, () => new Socket({ type: 'tcp' })), new Iocp()]
  // At least: Node's other threads open one now and then.
  expect(countDescriptors()).toBeGreaterThanOrEqual(before + opened.length)
  for (const each of opened) each.close()
  expect(countDescriptors()).toBeLessThan(before + opened.length)
})

test('I.22 the count agrees with asking the system for each handle one by one', () => {
  for (const end = performance.now() + 10_000; performance.now() < end; )
    if (countDescriptors() === ownHandles().size) return
  expect(countDescriptors()).toBe(ownHandles().size)
})

test('I.22 another process is counted too; GetProcessHandleCount answers 0 under Wine', async () => {
  const child = startChild(new URL('./behind-its-back.mjs', import.meta.url), {
    args: ['adds a socket without the overlapped flag']
  })
  await child.at('told')
  expect(countDescriptors(child.process.pid as number)).toBeGreaterThan(10)
  child.go()
  const count = Buffer.alloc(4)
  processHandleCount(-1, count) // -1 stands for the current process
  if (isWine) expect(count.readUInt32LE()).toBe(0)
  else expect(count.readUInt32LE()).toBeGreaterThan(10)
})
