// Bad input to the raw floor gets a clear error, and nothing breaks.
import * as pollport from 'pollport'
import { Epoll, Iocp, Overlapped, Socket, SocketAddress, SocketError, Waker } from 'pollport'
import { describe, expect, test } from 'vitest'
import { closing, codeOf, LOCAL, rawPair, rawUdp } from '../support/raw-pair.ts'

const TYPE = 'ERR_INVALID_ARG_TYPE'
const VALUE = 'ERR_INVALID_ARG_VALUE'
const RANGE = 'ERR_OUT_OF_RANGE'

test('what the package is here is said by supported and backends', () => {
  expect(pollport.supported).toBe(true)
  expect(pollport.backends).toHaveLength(1)
  expect(pollport.WOULD_BLOCK).toBe(-1)
})

test.each([
  [undefined, TYPE],
  [null, TYPE],
  ['tcp', TYPE],
  [{}, VALUE],
  [{ type: 'TCP' }, VALUE],
  [{ type: 'tcp', family: 4 }, VALUE],
  [{ type: 'tcp', nonBlocking: 1 }, TYPE]
])('new Socket(%j) is %s', (init, code) => {
  expect(codeOf(() => new Socket(init as never))).toBe(code)
})

describe.each(['bind', 'connect'] as const)('%s', (call) => {
  test.each([
    [undefined, TYPE],
    ['127.0.0.1:80', TYPE],
    [{ address: LOCAL }, TYPE],
    [{ address: LOCAL, port: '80' }, TYPE],
    [{ address: LOCAL, port: 65_536 }, RANGE],
    [{ address: LOCAL, port: -1 }, RANGE],
    [{ address: LOCAL, port: 1.5 }, RANGE],
    [{ address: LOCAL, port: Number.NaN }, RANGE],
    [{ address: 4, port: 80 }, TYPE],
    [{ address: 'localhost', port: 80 }, 'ERR_INVALID_ADDRESS'],
    [{ address: '', port: 80 }, 'ERR_INVALID_ADDRESS'],
    [{ address: '127.1', port: 80 }, 'ERR_INVALID_ADDRESS'],
    [{ address: '127.0.0.01', port: 80 }, 'ERR_INVALID_ADDRESS'],
    [{ address: '127.0.0.1\0x', port: 80 }, 'ERR_INVALID_ADDRESS'],
    [{ address: '[::1]', port: 80 }, 'ERR_INVALID_ADDRESS'],
    [{ address: 'fe80::1%no-such-interface', port: 80 }, 'ERR_INVALID_ADDRESS']
  ])('to %j is refused', (address, code) => {
    const socket = closing(new Socket({ type: 'tcp' }))
    expect(codeOf(() => socket[call](address as never))).toBe(code)
  })
})

test('the error for a name points at node:dns', () => {
  expect(() => rawUdp().sendTo('x', { address: 'example.org', port: 1 })).toThrow(
    /example\.org.*node:dns/
  )
})

test.each([
  ['[::1]', 'write it without brackets'],
  ['*', "for every interface use '0.0.0.0' or '::'"],
  ['', "for every interface use '0.0.0.0' or '::'"],
  ['127.0.0.1:80', 'the port is an option of its own'],
  ['[::1]:80', 'the port is an option of its own']
])('the error for the address %j says what to write', (address, advice) => {
  const socket = closing(new Socket({ type: 'tcp' }))
  expect(() => socket.bind({ address, port: 0 })).toThrow(
    `'${address}' is not a numeric IPv4 or IPv6 address; ${advice}`
  )
})

test.each(['host', 'hostname'])('of %s for the address the error says what is meant', (name) => {
  expect(() => rawUdp().sendTo('x', { [name]: LOCAL, port: 1 } as never)).toThrow(
    "address must be a string (did you mean 'address' by 'NAME'?); got undefined".replace(
      'NAME',
      name
    )
  )
})

test('bytes that are no bytes are refused', () => {
  const { near } = rawPair()
  for (const bad of [
    undefined,
    null,
    1,
    {},
    [1, 2],
    new ArrayBuffer(4),
    new Uint16Array(2),
    new DataView(new ArrayBuffer(2))
  ]) {
    expect(codeOf(() => near.send(bad as never))).toBe(TYPE)
    if (bad !== undefined && typeof bad !== 'number')
      expect(codeOf(() => near.recv(bad as never))).toBe(TYPE)
    expect(codeOf(() => near.recvFrom(bad as never))).toBe(TYPE)
  }
  expect(codeOf(() => near.send('abc', 4))).toBe(RANGE)
  expect(codeOf(() => near.send('abc', 1, 3))).toBe(RANGE)
  expect(codeOf(() => near.send('abc', -1))).toBe(RANGE)
  expect(codeOf(() => near.recv(0))).toBe(RANGE)
  expect(codeOf(() => near.recv(-1))).toBe(RANGE)
})

test('a detached buffer is refused, an empty one is not', () => {
  const { near } = rawPair()
  const gone = new Uint8Array(8)
  structuredClone(gone.buffer, { transfer: [gone.buffer] })
  for (const call of [() => near.send(gone), () => near.recv(gone), () => near.recvFrom(gone)])
    expect(codeOf(call)).toBe(VALUE)
  expect(near.send(new Uint8Array(0))).toBe(0)
  expect(near.send('')).toBe(0)
})

test('shutdown, listen and nonBlocking take what they say', () => {
  const socket = closing(new Socket({ type: 'tcp' }))
  expect(codeOf(() => socket.shutdown('all' as never))).toBe(VALUE)
  expect(codeOf(() => socket.listen(-1))).toBe(RANGE)
  expect(codeOf(() => socket.listen('5' as never))).toBe(TYPE)
  expect(
    codeOf(() => {
      socket.nonBlocking = 1 as never
    })
  ).toBe(TYPE)
  expect(codeOf(() => socket.shutdown('write'))).toBe('ENOTCONN')
  expect(codeOf(() => socket.remoteAddress)).toBe('ENOTCONN')
})

test('S.16 after close everything is EBADF, and closing again is harmless', () => {
  const socket = new Socket({ type: 'udp' })
  socket.close()
  socket.close()
  socket.reset()
  socket[Symbol.dispose]()
  const to = { address: LOCAL, port: 9 }
  const uses: (() => unknown)[] = [
    () => socket.bind(to),
    () => socket.connect(to),
    () => socket.listen(),
    () => socket.accept(),
    () => socket.send('x'),
    () => socket.recv(),
    () => socket.recv(Buffer.alloc(1)),
    () => socket.sendTo('x', to),
    () => socket.recvFrom(Buffer.alloc(1)),
    () => socket.shutdown('both'),
    () => socket.detach(),
    () => socket.localAddress,
    () => socket.remoteAddress,
    () => socket.error,
    () => socket.nonBlocking,
    () => socket.setOption('broadcast', true),
    () => socket.getOption('broadcast'),
    () => socket.joinMulticast('239.0.0.1'),
    () => socket.leaveMulticast('239.0.0.1')
  ]
  for (const use of uses) {
    expect(use, String(use)).toThrow(SocketError)
    expect(codeOf(use)).toBe('EBADF')
  }
  expect(socket.closed).toBe(true)
  expect(socket.handle).toBe(-1)
})

test('fromHandle refuses what is no handle, what is no socket, and what is another type', () => {
  for (const [handle, code] of [
    ['3', TYPE],
    [-1, RANGE],
    [1.5, RANGE],
    [Number.NaN, RANGE]
  ] as const) {
    expect(codeOf(() => Socket.fromHandle(handle as never))).toBe(code)
  }
  expect(codeOf(() => Socket.fromHandle(999_999))).toMatch(/^(EBADF|ENOTSOCK)$/)
  const udp = rawUdp()
  expect(codeOf(() => Socket.fromHandle(udp.handle, { type: 'tcp' }))).toBe('EPROTOTYPE')
})

test('a Waker is made from a handle only', () => {
  for (const [handle, code] of [
    ['1', TYPE],
    [0, RANGE],
    [-1, RANGE],
    [1.5, RANGE]
  ] as const) {
    expect(codeOf(() => Waker.from(handle as never))).toBe(code)
  }
  Waker.from(2 ** 50).wake() // nobody's
})

test('objects of one thread cannot be posted to another', () => {
  const socket = rawUdp()
  expect(() => structuredClone(socket)).toThrow(expect.objectContaining({ name: 'DataCloneError' }))
  if (pollport.backends.includes('epoll')) {
    const epoll = closing(new Epoll())
    expect(() => structuredClone(epoll)).toThrow(
      expect.objectContaining({ name: 'DataCloneError' })
    )
  }
})

test.runIf(pollport.backends.includes('epoll'))(
  'classes of the other system throw ERR_UNSUPPORTED_PLATFORM when made, by name',
  () => {
    expect(() => new Iocp()).toThrow(
      expect.objectContaining({
        code: 'ERR_UNSUPPORTED_PLATFORM',
        message: expect.stringContaining('Iocp')
      })
    )
    expect(codeOf(() => new Overlapped())).toBe('ERR_UNSUPPORTED_PLATFORM')
    expect(codeOf(() => new pollport.Poller({ backend: 'iocp' }))).toBe('ERR_UNSUPPORTED_PLATFORM')
  }
)

test.runIf(pollport.backends.includes('epoll'))(
  'Epoll refuses what it cannot watch and times that are none',
  () => {
    const epoll = closing(new Epoll())
    const socket = rawUdp()
    for (const bad of [undefined, null, 3, {}]) {
      expect(codeOf(() => epoll.add(bad as never, undefined))).toBe(TYPE)
      expect(codeOf(() => epoll.modify(bad as never, 1))).toBe(TYPE)
      expect(codeOf(() => epoll.remove(bad as never))).toBe(TYPE)
    }
    // Epolls may be watched, but by others only.
    expect(codeOf(() => epoll.add(epoll as never, undefined))).toBe('EINVAL')
    expect(codeOf(() => epoll.add(socket, undefined, 1.5))).toBe(RANGE)
    expect(codeOf(() => epoll.add(socket, undefined, 'in' as never))).toBe(TYPE)
    for (const time of [Number.NaN, -2, -0.5, Number.POSITIVE_INFINITY])
      expect(codeOf(() => epoll.wait(time))).toBe(RANGE)
    expect(codeOf(() => epoll.wait('1' as never))).toBe(TYPE)
    for (const most of [0, -1, 1.5, 65_537]) expect(codeOf(() => epoll.wait(0, most))).toBe(RANGE)
    epoll.close()
    for (const use of [() => epoll.wait(0), () => epoll.add(socket, undefined), () => epoll.fd])
      expect(codeOf(use)).toBe('EBADF')
  }
)

test('a SocketAddress says what it is, and refuses what is none', () => {
  const address = new SocketAddress({ address: LOCAL, port: 80 })
  expect(address).toMatchObject({ address: LOCAL, port: 80, family: 'ipv4' })
  expect(String(address)).toBe('127.0.0.1:80')
  expect(JSON.stringify(address)).toBe('{"address":"127.0.0.1","port":80,"family":"ipv4"}')
  const six = new SocketAddress({ address: '0:0::1', port: 65_535 })
  expect(String(six)).toBe('[::1]:65535')
  expect(codeOf(() => new SocketAddress({ address: 'x', port: 1 }))).toBe('ERR_INVALID_ADDRESS')
  expect(codeOf(() => new SocketAddress({ address: LOCAL, port: 65_536 }))).toBe(RANGE)
  expect(codeOf(() => new SocketAddress({ address: LOCAL, port: 1, family: 'ipv6' }))).toBe(VALUE)
  for (const text of ['0.0.0.0', '255.255.255.255', '1.2.3.4'])
    expect(new SocketAddress({ address: text, port: 0 }).address).toBe(text)
  for (const text of ['::', '2001:db8::1', '::ffff:1.2.3.4', 'fe80::1%1']) {
    expect(new SocketAddress({ address: text, port: 0 }).address.replace(/%.*/, '')).toBe(
      text.replace(/%.*/, '')
    )
  }
})
