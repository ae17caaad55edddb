// An epoll in an epoll: readable when something in it is ready. Group E of the conformance cases.
import { EPOLLEXCLUSIVE, EPOLLIN, Epoll, type Pollable, type Socket } from 'pollport'
import { expect, expectTypeOf, test } from 'vitest'
import { closing, codeOf, rawPair, untilReady } from '../support/raw-pair.ts'

/** An epoll in an epoll, and a connection whose near end the inner one watches. */
function nested(events?: number) {
  const inner = closing(new Epoll<string>())
  const outer = closing(new Epoll<string, Epoll<string>>())
  outer.add(inner, 'inner', events)
  const { near, far } = rawPair()
  inner.add(near, 'near')
  return { inner, outer, near, far }
}

test('E.10 nested: the outer epoll reports the inner one while that has something, and names it with its userPtr', () => {
  const { inner, outer, near, far } = nested()
  expect(outer.wait(0)).toEqual([])
  far.send('x')
  const [event] = outer.wait(5000)
  expect(event).toMatchObject({
    userPtr: 'inner',
    events: EPOLLIN,
    readable: true,
    writable: false
  })
  expect(event.socket).toBe(inner)
  expect(event.socket.wait(0)[0].socket).toBe(near)
  near.recv()
  expect(outer.wait(0)).toEqual([])
})

test('E.10 a wake of the inner epoll is one for the outer, too, until the inner one has waited', () => {
  const { inner, outer } = nested()
  inner.wake()
  expect(outer.wait(5000).map(({ socket }) => socket)).toEqual([inner])
  expect(inner.wait(0)).toEqual([])
  expect(outer.wait(0)).toEqual([])
})

test('E.10 modify and remove work as for sockets; twice is EEXIST, unknown is ENOENT', () => {
  const { inner, outer, near, far } = nested()
  far.send('x')
  untilReady(near, EPOLLIN)
  expect(codeOf(() => outer.add(inner, 'again'))).toBe('EEXIST')
  outer.modify(inner, 0)
  expect(outer.wait(0)).toEqual([])
  outer.modify(inner, EPOLLIN)
  expect(outer.wait(5000)).toHaveLength(1)
  outer.remove(inner)
  expect(outer.wait(0)).toEqual([])
  expect(outer.size).toBe(0)
  expect(codeOf(() => outer.modify(inner, EPOLLIN))).toBe('ENOENT')
  expect(codeOf(() => outer.remove(inner))).toBe('ENOENT')
})

test('E.10 an epoll that is closed leaves the others, and one that is closed already is EBADF', () => {
  const { inner, outer, near, far } = nested()
  far.send('x')
  untilReady(near, EPOLLIN)
  inner.close()
  expect(outer.size).toBe(0)
  expect(outer.wait(5)).toEqual([])
  for (const use of [
    () => outer.add(inner, 'x'),
    () => outer.modify(inner, EPOLLIN),
    () => outer.remove(inner)
  ])
    expect(codeOf(use)).toBe('EBADF')
})

test('E.10 an epoll that goes while an earlier event is handled is passed over', () => {
  const outer = closing(new Epoll<number, Epoll>())
  const inners = [0, 1].map((number) => {
    const inner = closing(new Epoll())
    inner.wake()
    outer.add(inner, number)
    return inner
  })
  const seen: number[] = []
  for (const event of outer.wait(5000)) {
    seen.push(event.userPtr)
    for (const inner of inners) if (inner !== event.socket) inner.close()
  }
  expect(seen).toHaveLength(1)
})

test('E.10 itself is EINVAL, a loop ELOOP, and so is a sixth level', () => {
  const open = () => closing(new Epoll<undefined, Pollable>())
  const itself = open()
  expect(codeOf(() => itself.add(itself, undefined))).toBe('EINVAL')
  const [one, two, three] = [open(), open(), open()]
  one.add(two, undefined)
  two.add(three, undefined)
  expect(codeOf(() => two.add(one, undefined))).toBe('ELOOP')
  expect(codeOf(() => three.add(one, undefined))).toBe('ELOOP')
  expect([itself.size, one.size, two.size, three.size]).toEqual([0, 1, 1, 0])

  const levels = [open()]
  for (let level = 2; level <= 5; level++) {
    levels.push(open())
    levels[level - 1].add(levels[level - 2], undefined)
  }
  const sixth = open()
  expect(codeOf(() => sixth.add(levels[4], undefined))).toBe('ELOOP')
  levels[0].wake()
  expect(levels[4].wait(5000).map(({ socket }) => socket)).toEqual([levels[3]])
})

test('E.5 an epoll cannot be watched exclusively: EINVAL', () => {
  const outer = closing(new Epoll<undefined, Epoll>())
  expect(codeOf(() => outer.add(closing(new Epoll()), undefined, EPOLLIN | EPOLLEXCLUSIVE))).toBe(
    'EINVAL'
  )
  expect(outer.size).toBe(0)
})

test('the type of an event says what an epoll was told to watch', () => {
  expectTypeOf<ReturnType<Epoll<string>['wait']>[number]['socket']>().toEqualTypeOf<Socket>()
  expectTypeOf<ReturnType<Epoll<string, Epoll>['wait']>[number]['socket']>().toEqualTypeOf<Epoll>()
  expectTypeOf<
    ReturnType<Epoll<string, Pollable>['wait']>[number]['socket']
  >().toEqualTypeOf<Pollable>()
  expectTypeOf<Parameters<Epoll<string>['add']>[0]>().toEqualTypeOf<Socket>()
  expectTypeOf<Epoll<{ name: string }, Epoll<number>>>().toExtend<Pollable>()
})
