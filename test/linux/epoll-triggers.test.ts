// When epoll reports a socket: level, edge, one-shot, exclusive. Group E of the conformance cases.
import {
  EPOLLERR,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLHUP,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  EPOLLRDHUP,
  Epoll,
  WOULD_BLOCK
} from 'pollport'
import { expect, test } from 'vitest'
import { closing, codeOf, fill, rawPair, untilReady } from '../support/raw-pair.ts'

const SOON = 5000

function watching(events: number) {
  const { near, far } = rawPair()
  const epoll = closing(new Epoll<string>())
  epoll.add(near, 'near', events)
  return {
    near,
    far,
    epoll,
    masks: (timeoutMs: number) => epoll.wait(timeoutMs).map((event) => event.events)
  }
}

test('E.1 level-triggered: an unread byte is reported by every wait', () => {
  const { near, far, masks } = watching(EPOLLIN)
  far.send('x')
  expect(masks(SOON)).toEqual([EPOLLIN])
  expect(masks(0)).toEqual([EPOLLIN])
  expect(masks(0)).toEqual([EPOLLIN])
  near.recv()
  expect(masks(0)).toEqual([])
})

test('E.2 edge-triggered: once, again for new data on top of undrained data, not for a partial read', () => {
  const { near, far, masks } = watching(EPOLLIN | EPOLLET)
  far.send('xy')
  expect(masks(SOON)).toEqual([EPOLLIN])
  expect(masks(0)).toEqual([])
  far.send('z')
  expect(masks(SOON)).toEqual([EPOLLIN])
  expect(near.recv(1)).toEqual(Buffer.from('x'))
  expect(masks(0)).toEqual([])
})

test('E.3 edge-triggered, writing: after a partial write, when the peer has read, exactly one event', () => {
  const { near, far, masks } = watching(EPOLLOUT | EPOLLET)
  expect(masks(SOON)).toEqual([EPOLLOUT])
  let left = fill(near)
  // Room that has come meanwhile is one event more.
  while (masks(0).length > 0) left += fill(near)
  while (left > 0) {
    const data = far.recv()
    if (data === WOULD_BLOCK) untilReady(far, EPOLLIN)
    else left -= data.length
  }
  expect(masks(SOON)).toEqual([EPOLLOUT])
  expect(masks(20)).toEqual([])
})

test('E.4 one-shot: then nothing, not even a reset, until it is modified; a second add is EEXIST', () => {
  const { near, far, epoll, masks } = watching(EPOLLIN | EPOLLONESHOT)
  far.send('x')
  expect(masks(SOON)).toEqual([EPOLLIN])
  far.send('y')
  far.reset()
  expect(masks(20)).toEqual([])
  expect(codeOf(() => epoll.add(near, 'again', EPOLLIN))).toBe('EEXIST')
  epoll.modify(near, EPOLLIN | EPOLLONESHOT)
  expect(masks(SOON)).toEqual([EPOLLIN | EPOLLERR | EPOLLHUP])
})

test('E.5 exclusive: add works; modify, or together with one-shot or RDHUP, is EINVAL', () => {
  const { near, far, epoll, masks } = watching(EPOLLIN | EPOLLEXCLUSIVE)
  expect(codeOf(() => epoll.modify(near, EPOLLIN))).toBe('EINVAL')
  far.send('x')
  expect(masks(SOON)).toEqual([EPOLLIN])
  const other = closing(new Epoll<string>())
  expect(codeOf(() => other.add(near, 'n', EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT))).toBe('EINVAL')
  expect(codeOf(() => other.add(near, 'n', EPOLLIN | EPOLLEXCLUSIVE | EPOLLRDHUP))).toBe('EINVAL')
  expect(other.size).toBe(0)
})

test('E.12 twelve ready, four at a time: all of them within three waits', () => {
  const epoll = closing(new Epoll<number>())
  for (let number = 0; number < 12; number++) {
    const { near, far } = rawPair()
    far.send('x')
    untilReady(near, EPOLLIN)
    epoll.add(near, number)
  }
  const seen = new Set<number>()
  for (let wait = 0; wait < 3; wait++) {
    const events = epoll.wait(SOON, 4)
    expect(events).toHaveLength(4)
    for (const event of events) seen.add(event.userPtr)
  }
  expect(seen.size).toBe(12)
})
