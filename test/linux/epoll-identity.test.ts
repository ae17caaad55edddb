// Which socket an event is for: closing, duplicates, descriptors that are used again. Group E of
// the conformance cases.
import { EPOLLIN, Epoll, Socket } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { closeDescriptor, dup } from '../support/libc.ts'
import { closing, codeOf, rawPair, untilReady } from '../support/raw-pair.ts'

test('E.8 close takes the socket out', () => {
  const epoll = closing(new Epoll<undefined>())
  const { near, far } = rawPair()
  epoll.add(near, undefined)
  far.send('x')
  untilReady(near, EPOLLIN)
  near.close()
  expect(epoll.size).toBe(0)
  expect(epoll.wait(20)).toEqual([])
})

test('E.8 with a duplicate alive: close still takes it out; closed behind its back it goes on firing, and remove is EBADF', () => {
  const epoll = closing(new Epoll<string>())
  const pairs = { closed: rawPair(), lost: rawPair() }
  const duplicates = Object.values(pairs).map(({ near }) => dup(near.handle))
  onTestFinished(() => void duplicates.map(closeDescriptor))
  for (const [name, { near, far }] of Object.entries(pairs)) {
    epoll.add(near, name)
    far.send('x')
    untilReady(near, EPOLLIN)
  }
  pairs.closed.near.close()
  // As the kernel has it (epoll(7), Questions and answers): the duplicate keeps the registration,
  // and nobody can name it any more.
  closeDescriptor(pairs.lost.near.handle)
  expect(epoll.wait(5000).map(({ userPtr }) => userPtr)).toEqual(['lost'])
  expect(codeOf(() => epoll.remove(pairs.lost.near))).toBe('EBADF')
  expect(epoll.wait(0)).toEqual([]) // pollport knows it no more
  pairs.lost.near.detach() // its number may be somebody else's by now
})

test.each(['close', 'reset', 'detach'] as const)('a socket leaves every epoll at %s', (how) => {
  const epolls = [closing(new Epoll<undefined>()), closing(new Epoll<undefined>())]
  const { near, far } = rawPair()
  for (const epoll of epolls) epoll.add(near, undefined)
  far.send('x')
  untilReady(near, EPOLLIN)
  const handle = near.handle
  near[how]()
  // Still open and readable, as after any dup: only leaving before keeps it quiet.
  if (how === 'detach') closing(Socket.fromHandle(handle))
  for (const epoll of epolls) {
    expect(epoll.size).toBe(0)
    expect(epoll.wait(5)).toEqual([])
  }
})

test('E.9 a descriptor used again inside a batch: the new owner gets nothing of the old one', () => {
  const epoll = closing(new Epoll<string>())
  const pairs = [rawPair(), rawPair()]
  for (const [number, { near, far }] of pairs.entries()) {
    epoll.add(near, `old ${number}`)
    far.send('x')
    untilReady(near, EPOLLIN)
  }
  const handles = pairs.map(({ near }) => near.handle)
  const seen: string[] = []
  const reused: number[] = []
  for (const event of epoll.wait(5000)) {
    seen.push(event.userPtr)
    if (seen.length > 1) continue
    // Closing all at the first event, and opening as many: the kernel gives the lowest free
    // descriptors, which are theirs.
    for (const { near } of pairs) near.close()
    for (const _ of pairs) {
      const socket = closing(new Socket({ type: 'udp', nonBlocking: true }))
      reused.push(socket.handle)
      epoll.add(socket, 'new')
    }
  }
  expect(reused.filter((handle) => handles.includes(handle)).length).toBeGreaterThan(0)
  expect(seen).toHaveLength(1)
  expect(epoll.wait(20)).toEqual([])
})

test('a socket removed while an earlier event is handled gets no event, and neither does one that was added anew', () => {
  const epoll = closing(new Epoll<string>())
  const pairs = [rawPair(), rawPair(), rawPair()]
  for (const { near, far } of pairs) {
    far.send('x')
    untilReady(near, EPOLLIN)
    epoll.add(near, 'first time')
  }
  const seen: string[] = []
  for (const event of epoll.wait(5000)) {
    seen.push(event.userPtr)
    for (const { near } of pairs) {
      if (near === event.socket) continue
      epoll.remove(near)
      epoll.add(near, 'second time')
    }
  }
  expect(seen).toEqual(['first time'])
  expect(
    epoll
      .wait(5000)
      .map((event) => event.userPtr)
      .toSorted()
  ).toEqual(['first time', 'second time', 'second time'])
})

test('a batch is an array like any other to a program that compares or maps it', () => {
  const epoll = closing(new Epoll<number>())
  expect(epoll.wait(0)).toStrictEqual([])
  const { near, far } = rawPair()
  far.send('x')
  epoll.add(near, 7)
  const events = epoll.wait(5000)
  expect(Array.isArray(events)).toBe(true)
  expect(events.map((event) => event.userPtr)).toStrictEqual([7])
  expect(events.length).toBe(1)
})

test('S.16 closing an epoll leaves its sockets open, and closing twice is harmless', () => {
  const epoll = new Epoll<undefined>()
  const { near, far } = rawPair()
  epoll.add(near, undefined)
  epoll.close()
  epoll.close()
  far.send('x')
  untilReady(near, EPOLLIN)
  expect(String(near.recv())).toBe('x')
})
