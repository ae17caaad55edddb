// Options by Linux's own numbers.
import { Socket } from 'pollport'
import { expect, test } from 'vitest'
import { closing, codeOf } from '../support/raw-pair.ts'

const SOL_SOCKET = 1
const SO_TYPE = 3
const SO_PRIORITY = 12
const IPPROTO_TCP = 6
const TCP_CONGESTION = 13
const TCP_INFO = 11

test('S.23 a number goes in and comes out by level and name', () => {
  const socket = closing(new Socket({ type: 'tcp' }))
  socket.setOption(SOL_SOCKET, SO_PRIORITY, 5)
  expect(socket.getOption(SOL_SOCKET, SO_PRIORITY)).toBe(5)
  expect(socket.getOption(SOL_SOCKET, SO_TYPE)).toBe(1)
})

test('S.23 bytes go in and come out, as many as the system has', () => {
  const socket = closing(new Socket({ type: 'tcp' }))
  socket.setOption(IPPROTO_TCP, TCP_CONGESTION, Buffer.from('cubic'))
  expect(socket.getOption(IPPROTO_TCP, TCP_CONGESTION, 16).toString('latin1')).toMatch(/^cubic/)
  expect(socket.getOption(IPPROTO_TCP, TCP_INFO, 512).length).toBeGreaterThan(100)
})

test('what the system does not know is ENOPROTOOPT; wrong arguments do not get that far', () => {
  const socket = closing(new Socket({ type: 'tcp' }))
  expect(codeOf(() => socket.setOption(SOL_SOCKET, 9999, 1))).toBe('ENOPROTOOPT')
  expect(codeOf(() => socket.getOption(SOL_SOCKET, 9999))).toBe('ENOPROTOOPT')
  expect(codeOf(() => socket.setOption(SOL_SOCKET, 1.5, 1))).toBe('ERR_OUT_OF_RANGE')
  expect(codeOf(() => socket.setOption(SOL_SOCKET, SO_PRIORITY, 'x' as never))).toBe(
    'ERR_INVALID_ARG_TYPE'
  )
  expect(codeOf(() => socket.getOption(SOL_SOCKET, SO_PRIORITY, 0))).toBe('ERR_OUT_OF_RANGE')
})

test('reusePort lets two sockets share a port', () => {
  const sockets = [1, 2].map(() => closing(new Socket({ type: 'tcp' })))
  for (const socket of sockets) socket.setOption('reusePort', true)
  sockets[0].bind({ address: '127.0.0.1', port: 0 })
  sockets[1].bind(sockets[0].localAddress)
  for (const socket of sockets) socket.listen()
  expect(sockets[1].localAddress.port).toBe(sockets[0].localAddress.port)
})
