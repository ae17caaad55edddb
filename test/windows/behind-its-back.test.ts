// What pollport says when its handles are closed, or were made otherwise, behind its back. Group I
// of the conformance cases.
import { expect, test } from 'vitest'
import { startChild } from '../support/child.ts'

async function does(deed: string): Promise<unknown> {
  const child = startChild(new URL('./behind-its-back.mjs', import.meta.url), { args: [deed] })
  const { answer } = await child.at('told')
  child.go()
  return answer
}

test('I.19 the port is closed under its waiter: wait(-1) throws EBADF, which is 735', async () => {
  expect(await does('closes the port under its waiter')).toEqual({
    name: 'SocketError',
    code: 'EBADF',
    errno: 735,
    syscall: 'GetQueuedCompletionStatusEx'
  })
})

test('I.12 the accepting socket is closed under AcceptEx: one completion, which failed', async () => {
  const answer = await does('closes the accepting socket under AcceptEx')
  expect(answer).toMatchObject({
    isItsOwn: true,
    pending: false,
    name: 'SocketError',
    syscall: 'AcceptEx'
  })
  // Wine says 995; Windows may say 1236 as well (ERROR_CONNECTION_ABORTED).
  expect(['ECANCELED', 'ECONNABORTED']).toContain((answer as { code: string }).code)
})

test('I.6 a socket that was made without the overlapped flag cannot be added: EINVAL', async () => {
  const answer = await does('adds a socket without the overlapped flag')
  expect(answer).toMatchObject({ code: 'EINVAL', syscall: 'CreateIoCompletionPort', size: 0 })
})

test('I.7 with skip-on-success, for which pollport never asks, there is no completion, and getResult() tells', async () => {
  expect(await does('asks for no completion on success')).toEqual({
    isSet: true,
    bytes: 7,
    completions: 0
  })
})
