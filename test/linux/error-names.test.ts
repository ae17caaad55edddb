// Every error number of Linux has its POSIX name, also those that sockets seldom give.
import { constants } from 'node:os'
import { Socket } from 'pollport'
import { expect, test } from 'vitest'
import { linuxErrors } from '../../lib/errno/linux.ts'
import { thrownBy } from '../support/poller-probe.ts'
import { closing } from '../support/raw-pair.ts'

// Two names for one number.
const otherNames: Record<string, string> = { EWOULDBLOCK: 'EAGAIN', EOPNOTSUPP: 'ENOTSUP' }

test('what Node knows by name has the same name', () => {
  const { names } = linuxErrors
  const wrong = Object.entries(constants.errno).filter(
    ([name, number]) => names[number] !== (otherNames[name] ?? name)
  )
  expect(wrong).toEqual([])
})

test('every number up to the last one has a name, but for the two that the kernel leaves out', () => {
  const numbers = Array.from({ length: 133 }, (_, before) => before + 1)
  expect(numbers.filter((number) => linuxErrors.names[number] === undefined)).toEqual([41, 58])
})

const [SOL_SOCKET, SO_RCVTIMEO, SO_BINDTODEVICE] = [1, 20, 25]
test.each([
  ['EDOM', SO_RCVTIMEO, new Uint8Array(BigInt64Array.of(1n, 1_000_000n).buffer)],
  ['ENODEV', SO_BINDTODEVICE, Buffer.from('no-such-device\0')]
])('an option that the system refuses with %s says so', (code, name, value) => {
  const socket = closing(new Socket({ type: 'tcp' }))
  expect(thrownBy(() => socket.setOption(SOL_SOCKET, name, value))).toMatchObject({
    code,
    syscall: 'setsockopt'
  })
})
