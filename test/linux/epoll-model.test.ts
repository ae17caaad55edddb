// E.15: random additions, changes and removals against a model of what must be reported. A failing
// seed is in the failure's message.
import { EPOLLIN, EPOLLOUT, Epoll, type Socket } from 'pollport'
import { expect, test } from 'vitest'
import { newSeed, randomFrom } from '../support/poller-random.ts'
import { closing, rawPair } from '../support/raw-pair.ts'

const DURATION_MS = 10_000

test('E.15 ten seconds of random add, modify, remove, send and receive: each wait reports what the model says', {
  timeout: 60_000
}, () => {
  const seed = newSeed()
  const random = randomFrom(seed)
  const epoll = closing(new Epoll<number>())
  const sockets = Array.from({ length: 16 }, () => ({
    ...rawPair(),
    mask: undefined as number | undefined,
    unread: 0
  }))
  const masks = [0, EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLOUT]

  const end = performance.now() + DURATION_MS
  for (let step = 0; performance.now() < end; step++) {
    const number = random(sockets.length)
    const socket = sockets[number]
    const mask = masks[random(masks.length)]
    switch (random(5)) {
      case 0:
        if (socket.mask !== undefined) break
        epoll.add(socket.near, number, mask)
        socket.mask = mask
        break
      case 1:
        if (socket.mask === undefined) break
        epoll.modify(socket.near, mask)
        socket.mask = mask
        break
      case 2:
        if (socket.mask === undefined) break
        epoll.remove(socket.near)
        socket.mask = undefined
        break
      case 3:
        socket.unread += socket.far.send('x')
        untilThere(socket.near, socket.unread)
        break
      default:
        if (socket.unread === 0) break
        expect(socket.near.recv(1), `seed ${seed}, step ${step}`).toHaveLength(1)
        socket.unread--
    }
    const reported = epoll.wait(0).map((event) => [event.userPtr, event.events])
    const expected = sockets
      .map(({ mask, unread }, index) => [
        index,
        (mask ?? 0) & (EPOLLOUT | (unread > 0 ? EPOLLIN : 0))
      ])
      .filter(([, events]) => events !== 0)
    expect(
      reported.toSorted(([a], [b]) => a - b),
      `seed ${seed}, step ${step}`
    ).toEqual(expected)
    expect(epoll.size).toBe(sockets.filter(({ mask }) => mask !== undefined).length)
  }
})

/** On loopback a sent byte is there when send returns, but nobody promises it. */
function untilThere(socket: Socket, bytes: number): void {
  if (bytes !== 1) return
  using epoll = new Epoll<undefined>()
  epoll.add(socket, undefined)
  expect(epoll.wait(5000)).toHaveLength(1)
}
