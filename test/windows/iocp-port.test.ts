// The completion port itself: what is posted comes back as it was, in order, and a wait is as long
// as it was told.
import { Iocp, Overlapped, Socket } from 'pollport'
import { expect, test } from 'vitest'
import { completions, overlappedPair, port } from '../support/iocp.ts'
import { closing, codeOf, LOCAL } from '../support/raw-pair.ts'

test('I.1 a post comes back whole: the userPtr, 0xffffffff bytes, the same Overlapped', () => {
  const iocp = port<object>()
  const userPtr = {}
  const overlapped = new Overlapped()
  iocp.post(userPtr, 0xffff_ffff, overlapped)
  const [completion, ...others] = iocp.wait(1000)
  expect(others).toEqual([])
  expect(completion.userPtr).toBe(userPtr)
  expect(completion.overlapped).toBe(overlapped)
  expect(completion.bytesTransferred).toBe(0xffff_ffff)
  expect(completion.socket).toBeUndefined()
  expect(completion.error).toBeUndefined()
  expect(overlapped.pending).toBe(false)
})

test('I.1 a key uses its 64 bits: two thousand posts at once, and slots used a thousand times over, are never mistaken', () => {
  const iocp = port<number>()
  const numbers = Array.from({ length: 2000 }, (_, number) => number)
  for (const number of numbers) iocp.post(number)
  expect(completions(iocp, numbers.length).map(({ userPtr }) => userPtr)).toEqual(numbers)
  for (let round = 0; round < 1000; round++) {
    iocp.post(round)
    expect(iocp.wait(5000)[0].userPtr).toBe(round)
  }
})

test('I.2 a post with no Overlapped is no time-out', () => {
  const iocp = port<string>()
  iocp.post('here')
  expect(iocp.wait(0)).toEqual([
    { socket: undefined, userPtr: 'here', overlapped: undefined, bytesTransferred: 0 }
  ])
  expect(iocp.wait(0)).toEqual([])
})

test('I.3 five posts, at most three a wait: three in order, then two', () => {
  const iocp = port<number>()
  for (const number of [1, 2, 3, 4, 5]) iocp.post(number)
  expect(iocp.wait(1000, 3).map(({ userPtr }) => userPtr)).toEqual([1, 2, 3])
  expect(iocp.wait(1000, 3).map(({ userPtr }) => userPtr)).toEqual([4, 5])
})

test('I.4 a wait that nothing ends gives nothing', () => {
  const iocp = port<string>()
  expect(iocp.wait(1)).toEqual([])
  // What an earlier wait left in memory is not given again, whatever count the system writes on a
  // time-out.
  for (const text of ['a', 'b', 'c']) iocp.post(text)
  expect(iocp.wait(1000)).toHaveLength(3)
  for (const timeoutMs of [0, 1, 20]) expect(iocp.wait(timeoutMs)).toEqual([])
})

test.each([1, 5, 20, 50, 100.5])('I.5 wait(%d) is not early', (timeoutMs) => {
  const iocp = port()
  const started = performance.now()
  expect(iocp.wait(timeoutMs)).toEqual([])
  expect(performance.now() - started).toBeGreaterThanOrEqual(timeoutMs)
})

test('I.6 a socket has one port: adding it twice is EEXIST, to another port EINVAL', () => {
  const [iocp, other] = [port(), port()]
  const socket = closing(new Socket({ type: 'tcp' }))
  iocp.add(socket, 1)
  expect(iocp.size).toBe(1)
  expect(codeOf(() => iocp.add(socket, 2))).toBe('EEXIST')
  expect(codeOf(() => other.add(socket, 3))).toBe('EINVAL')
  expect(other.size).toBe(0)
})

test('S.20 a wake ends the wait; a thousand wakes end one', () => {
  const iocp = port()
  for (let count = 0; count < 1000; count++) iocp.wake()
  expect(iocp.wait()).toEqual([])
  const started = performance.now()
  expect(iocp.wait(30)).toEqual([])
  expect(performance.now() - started).toBeGreaterThanOrEqual(30)
})

test('a wake does not hide what is complete', () => {
  const iocp = port<string>()
  iocp.wake()
  iocp.post('there')
  expect(iocp.wait(1000).map(({ userPtr }) => userPtr)).toEqual(['there'])
})

test('S.16 a closed port says EBADF to everything but another close, and so does a closed socket', () => {
  const iocp = port()
  const socket = new Socket({ type: 'tcp' })
  iocp.close()
  iocp.close()
  expect(iocp.closed).toBe(true)
  for (const use of [
    () => iocp.wait(0),
    () => iocp.post(1),
    () => iocp.wake(),
    () => iocp.add(socket, 1)
  ])
    expect(codeOf(use)).toBe('EBADF')
  socket.close()
  expect(codeOf(() => port().add(socket, 1))).toBe('EBADF')
  expect(codeOf(() => socket.overlappedReceive(1))).toBe('EBADF')
})

test('wrong arguments are refused before anything is started', () => {
  const iocp = port()
  expect(codeOf(() => new Iocp({ concurrency: -1 }))).toBe('ERR_OUT_OF_RANGE')
  expect(codeOf(() => new Iocp(null as never))).toBe('ERR_INVALID_ARG_TYPE')
  expect(codeOf(() => iocp.wait(-2))).toBe('ERR_OUT_OF_RANGE')
  expect(codeOf(() => iocp.wait(0, 0))).toBe('ERR_OUT_OF_RANGE')
  expect(codeOf(() => iocp.post(1, 2 ** 32))).toBe('ERR_OUT_OF_RANGE')
  expect(codeOf(() => iocp.post(1, 0, {} as never))).toBe('ERR_INVALID_ARG_TYPE')
  expect(codeOf(() => iocp.add({} as never, 1))).toBe('ERR_INVALID_ARG_TYPE')
  const { near } = overlappedPair(iocp)
  expect(codeOf(() => near.overlappedReceive(-1))).toBe('ERR_OUT_OF_RANGE')
  expect(codeOf(() => near.overlappedReceive(1, {} as never))).toBe('ERR_INVALID_ARG_TYPE')
  expect(codeOf(() => near.overlappedSend(7 as never))).toBe('ERR_INVALID_ARG_TYPE')
  expect(codeOf(() => near.overlappedConnect({ address: '::1', port: 1 }))).toBe('EAFNOSUPPORT')
  expect(codeOf(() => near.overlappedConnect({ address: 'localhost', port: 1 }))).toBe(
    'ERR_INVALID_ADDRESS'
  )
  expect(iocp.wait(0)).toEqual([])
})

test('a port and an operation belong to their thread: they cannot be cloned', () => {
  expect(() => structuredClone(port())).toThrow(expect.objectContaining({ name: 'DataCloneError' }))
  expect(() => structuredClone(new Overlapped())).toThrow(
    expect.objectContaining({ name: 'DataCloneError' })
  )
})

test('the textbook: hang a receive on each socket, wait, compare, process, hang it again', () => {
  interface Player {
    receive: Overlapped
    said: string
  }
  const iocp = new Iocp<Player>()
  const clients: Socket[] = []
  for (let count = 0; count < 20; count++) {
    const listener = closing(new Socket({ type: 'tcp' }))
    listener.bind({ address: LOCAL, port: 0 })
    listener.listen()
    const client = closing(new Socket({ type: 'tcp' }))
    client.connect(listener.localAddress)
    clients.push(client)
    const socket = closing(listener.accept() as Socket)
    const player = { receive: new Overlapped(), said: '' }
    iocp.add(socket, player)
    socket.overlappedReceive(4096, player.receive)
  }
  for (const [number, client] of clients.entries()) client.send(`player ${number}`)

  const players = new Set<Player>()
  while (players.size < clients.length) {
    for (const event of iocp.wait(5000)) {
      if (event.overlapped !== event.userPtr.receive) continue
      event.userPtr.said += event.overlapped.data
      players.add(event.userPtr)
      event.socket?.overlappedReceive(4096, event.overlapped)
    }
  }
  expect([...players].map(({ said }) => said).sort()).toEqual(
    clients.map((_, number) => `player ${number}`).sort()
  )
  iocp.close()
})
