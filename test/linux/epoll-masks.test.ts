// What epoll says of a socket in each state, and what epoll_ctl refuses. Group E of the conformance
// cases.
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLRDHUP,
  Epoll,
  Socket,
  WOULD_BLOCK
} from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { dup2 } from '../support/libc.ts'
import { freePort } from '../support/net-peer.ts'
import { closing, codeOf, LOCAL, rawListener, rawPair, untilReady } from '../support/raw-pair.ts'

function maskOf(socket: Socket, interest: number): number {
  using epoll = new Epoll<undefined>()
  epoll.add(socket, undefined, interest)
  return epoll.wait(5000)[0]?.events ?? 0
}

test('E.6 the peer finished: readable, writable, RDHUP; without interest in RDHUP, without it', () => {
  const { near, far } = rawPair()
  far.shutdown('write')
  untilReady(near, EPOLLIN)
  expect(maskOf(near, EPOLLIN | EPOLLOUT | EPOLLRDHUP)).toBe(EPOLLIN | EPOLLOUT | EPOLLRDHUP)
  expect(maskOf(near, EPOLLIN | EPOLLOUT)).toBe(EPOLLIN | EPOLLOUT)
})

test('E.6 both sides finished: HUP as well', () => {
  const { near, far } = rawPair()
  near.shutdown('write')
  far.shutdown('write')
  untilReady(near, EPOLLIN)
  untilReady(near, 0)
  expect(maskOf(near, EPOLLIN | EPOLLOUT | EPOLLRDHUP)).toBe(
    EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLRDHUP
  )
})

test('E.6 a reset: ERR and HUP, with no interest at all too', () => {
  const { near, far } = rawPair()
  far.reset()
  untilReady(near, EPOLLIN)
  expect(maskOf(near, EPOLLIN | EPOLLOUT | EPOLLRDHUP)).toBe(
    EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDHUP
  )
  expect(maskOf(near, 0)).toBe(EPOLLERR | EPOLLHUP)
})

test('E.6 a fresh TCP socket: writable and hung up', () => {
  expect(maskOf(closing(new Socket({ type: 'tcp' })), EPOLLIN | EPOLLOUT)).toBe(EPOLLOUT | EPOLLHUP)
})

test('E.7 a refused connect: everything at once, and the error is ECONNREFUSED, once', async () => {
  const socket = closing(new Socket({ type: 'tcp', nonBlocking: true }))
  expect(socket.connect({ address: LOCAL, port: await freePort() })).toBe(WOULD_BLOCK)
  expect(maskOf(socket, EPOLLIN | EPOLLOUT | EPOLLRDHUP)).toBe(
    EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDHUP
  )
  expect(socket.error).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect' })
  expect(socket.error).toBeUndefined()
})

test('E.7 connected: writable, and there is no error', () => {
  const listener = rawListener()
  const socket = closing(new Socket({ type: 'tcp', nonBlocking: true }))
  socket.connect(listener.localAddress)
  expect(maskOf(socket, EPOLLIN | EPOLLOUT)).toBe(EPOLLOUT)
  expect(socket.error).toBeUndefined()
  expect(String(socket.remoteAddress)).toBe(String(listener.localAddress))
})

test('E.11 closed is EBADF, twice EEXIST, unknown ENOENT', () => {
  const epoll = closing(new Epoll<undefined>())
  const { near, far } = rawPair()
  epoll.add(near, undefined)
  expect(codeOf(() => epoll.add(near, undefined))).toBe('EEXIST')
  expect(codeOf(() => epoll.modify(far, EPOLLIN))).toBe('ENOENT')
  expect(codeOf(() => epoll.remove(far))).toBe('ENOENT')
  far.close()
  expect(codeOf(() => epoll.add(far, undefined))).toBe('EBADF')
  expect(codeOf(() => epoll.modify(far, EPOLLIN))).toBe('EBADF')
  expect(codeOf(() => epoll.remove(far))).toBe('EBADF')
  expect(epoll.size).toBe(1)
})

test("E.11 a regular file cannot be watched: it is no socket, and under a socket's number it is EPERM", () => {
  const file = openSync(fileURLToPath(import.meta.url), 'r')
  onTestFinished(() => closeSync(file))
  expect(codeOf(() => Socket.fromHandle(file))).toBe('ENOTSOCK')
  const epoll = closing(new Epoll<undefined>())
  const socket = closing(new Socket({ type: 'udp' }))
  dup2(file, socket.handle)
  expect(codeOf(() => epoll.add(socket, undefined))).toBe('EPERM')
  expect(epoll.size).toBe(0)
})

test('the events say in words what the mask says in bits', () => {
  const { near, far } = rawPair()
  far.reset()
  using epoll = new Epoll<string>()
  epoll.add(near, 'mine', EPOLLIN | EPOLLOUT)
  const [event] = epoll.wait(5000)
  expect(event).toMatchObject({
    userPtr: 'mine',
    readable: true,
    writable: true,
    hangUp: true,
    error: true
  })
  expect(event.socket).toBe(near)
})
