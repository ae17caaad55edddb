// Socket options: what is set reads back, by name and by the system's numbers, and what is no
// option is refused.
import { Socket, type SocketOptionName } from 'pollport'
import { describe, expect, test } from 'vitest'
import { hasIpv6 } from '../support/net-peer.ts'
import { openProbe } from '../support/poller-probe.ts'
import { closing, codeOf } from '../support/raw-pair.ts'
import { isWindows } from '../support/system.ts'

const cases: [SocketOptionName, 'tcp' | 'udp', unknown[]][] = [
  ['noDelay', 'tcp', [true, false]],
  ['keepAlive', 'tcp', [true, false]],
  ['keepAliveIdleMs', 'tcp', [30_000, 1000]],
  ['keepAliveIntervalMs', 'tcp', [5000]],
  ['keepAliveCount', 'tcp', [4]],
  ['reuseAddress', 'tcp', [true, false]],
  ['exclusiveAddress', 'tcp', [true]],
  ['lingerMs', 'tcp', [0, 5000, false]],
  ['broadcast', 'udp', [true, false]],
  ['ttl', 'udp', [17]],
  ['tos', 'udp', [0x10]],
  ['multicastTtl', 'udp', [3]],
  ['multicastLoop', 'udp', [false, true]]
]

describe.each(cases)('S.23 %s', (name, type, values) => {
  test('reads back as set', () => {
    const socket = closing(new Socket({ type }))
    for (const value of values) {
      socket.setOption(name, value as never)
      expect(socket.getOption(name)).toBe(value)
    }
  })
})

test.each(['sendBufferSize', 'receiveBufferSize'] as const)(
  'S.23 %s reads back as set, or doubled by the system',
  (name) => {
    const socket = closing(new Socket({ type: 'tcp' }))
    socket.setOption(name, 50_000)
    expect([50_000, 100_000]).toContain(socket.getOption(name))
  }
)

test.each(['receiveTimeoutMs', 'sendTimeoutMs'] as const)(
  'S.23 %s reads back as set, or rounded up to a tick of the system',
  (name) => {
    const socket = closing(new Socket({ type: 'tcp' }))
    for (const value of [250, 1500]) {
      socket.setOption(name, value)
      expect(socket.getOption(name)).toBeGreaterThanOrEqual(value)
      expect(socket.getOption(name)).toBeLessThanOrEqual(value + 16)
    }
    socket.setOption(name, 0)
    expect(socket.getOption(name)).toBe(0)
  }
)

test.runIf(hasIpv6)('the options of an IPv6 socket are those of IPv6', () => {
  const socket = closing(new Socket({ type: 'udp', family: 'ipv6' }))
  for (const [name, value] of [
    ['ipv6Only', true],
    ['ttl', 9],
    // Windows has no traffic class.
    ...(isWindows ? [] : [['tos', 8] as const]),
    ['multicastTtl', 2],
    ['multicastLoop', false]
  ] as const) {
    socket.setOption(name, value as never)
    expect(socket.getOption(name)).toBe(value)
  }
})

test.runIf(hasIpv6 && isWindows)(
  'tos of an IPv6 socket is ENOTSUP on Windows, in every call that takes it',
  () => {
    const { poller } = openProbe()
    const socket = closing(new Socket({ type: 'tcp', family: 'ipv6' }))
    const calls = [
      () => socket.setOption('tos', 8),
      () => socket.getOption('tos'),
      () => poller.listenTcp({ address: '::1', port: 0, tos: 8 }),
      () => poller.connectTcp({ address: '::1', port: 9, tos: 8 }),
      () => poller.bindUdp({ address: '::1', port: 0, tos: 8 })
    ]
    for (const call of calls) expect(codeOf(call)).toBe('ENOTSUP')
  }
)

test('a time is rounded up to what the system counts in, never down to nothing', () => {
  const socket = closing(new Socket({ type: 'tcp' }))
  socket.setOption('keepAliveIdleMs', 1)
  expect(socket.getOption('keepAliveIdleMs')).toBeGreaterThanOrEqual(1)
  socket.setOption('receiveTimeoutMs', 0.0001)
  expect(socket.getOption('receiveTimeoutMs')).toBeGreaterThan(0)
})

test('a timeout that was set ends a wait no earlier than it says', () => {
  const socket = closing(new Socket({ type: 'udp' }))
  socket.bind({ address: '127.0.0.1', port: 0 })
  socket.setOption('receiveTimeoutMs', 30.5)
  const started = performance.now()
  expect(socket.recv()).toBe(-1)
  expect(performance.now() - started).toBeGreaterThanOrEqual(30)
})

test('S.23 raw (level, name): numbers and bytes go in and come out, and are what the names say', () => {
  // The systems' own numbers, of their headers; TCP's are the same on both.
  const [SOL_SOCKET, SO_KEEPALIVE, SO_LINGER] = isWindows ? [0xffff, 0x0008, 0x0080] : [1, 9, 13]
  const [IPPROTO_TCP, TCP_NODELAY] = [6, 1]
  const socket = closing(new Socket({ type: 'tcp' }))
  for (const on of [1, 0]) {
    socket.setOption(IPPROTO_TCP, TCP_NODELAY, on)
    expect(socket.getOption(IPPROTO_TCP, TCP_NODELAY)).toBe(on)
    expect(socket.getOption('noDelay')).toBe(on === 1)
    socket.setOption('keepAlive', on === 1)
    expect(socket.getOption(SOL_SOCKET, SO_KEEPALIVE)).toBe(on)
  }
  // struct linger { on, seconds }: two shorts on Windows, two ints on Linux.
  const linger = isWindows ? Buffer.from([1, 0, 7, 0]) : Buffer.from([1, 0, 0, 0, 7, 0, 0, 0])
  socket.setOption(SOL_SOCKET, SO_LINGER, linger)
  expect(socket.getOption('lingerMs')).toBe(7000)
  socket.setOption('lingerMs', 3000)
  linger[linger.length / 2] = 3
  expect(socket.getOption(SOL_SOCKET, SO_LINGER, 16)).toEqual(linger)
  expect(codeOf(() => socket.getOption(SOL_SOCKET, 9999))).toBe('ENOPROTOOPT')
  expect(codeOf(() => socket.setOption(IPPROTO_TCP, TCP_NODELAY, 'x' as never))).toBe(
    'ERR_INVALID_ARG_TYPE'
  )
})

test('S.23 an unknown name is ERR_INVALID_ARG_VALUE, and so is a name of Object’s own', () => {
  const socket = closing(new Socket({ type: 'tcp' }))
  for (const name of ['nodelay', '', 'constructor', '__proto__', undefined, {}]) {
    expect(codeOf(() => socket.setOption(name as never, true as never))).toBe(
      'ERR_INVALID_ARG_VALUE'
    )
    expect(codeOf(() => socket.getOption(name as never))).toBe('ERR_INVALID_ARG_VALUE')
  }
})

test('values of the wrong type or out of range are refused before the system is asked', () => {
  const socket = closing(new Socket({ type: 'tcp' }))
  for (const [name, value, code] of [
    ['noDelay', 1, 'ERR_INVALID_ARG_TYPE'],
    ['sendBufferSize', '1', 'ERR_INVALID_ARG_TYPE'],
    ['sendBufferSize', 0, 'ERR_OUT_OF_RANGE'],
    ['sendBufferSize', 1.5, 'ERR_OUT_OF_RANGE'],
    ['ttl', 256, 'ERR_OUT_OF_RANGE'],
    ['tos', -1, 'ERR_OUT_OF_RANGE'],
    ['receiveTimeoutMs', -1, 'ERR_OUT_OF_RANGE'],
    ['receiveTimeoutMs', Number.NaN, 'ERR_OUT_OF_RANGE'],
    ['lingerMs', true, 'ERR_INVALID_ARG_TYPE'],
    ['lingerMs', -5, 'ERR_OUT_OF_RANGE']
  ] as const) {
    expect(
      codeOf(() => socket.setOption(name, value as never)),
      `${name} = ${value}`
    ).toBe(code)
  }
})

test('an option that the socket does not have is the system’s own error', () => {
  const udp = closing(new Socket({ type: 'udp' }))
  expect(codeOf(() => udp.setOption('noDelay', true))).toMatch(/^(ENOTSUP|ENOPROTOOPT|EINVAL)$/)
})
