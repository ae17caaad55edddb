// An option that does not exist is refused, with the name that may be meant: a program with an old
// or a misspelt name must not run with a default.
import { createContext, runInContext } from 'node:vm'
import {
  backends,
  FrameDecoder,
  FrameEncoder,
  Iocp,
  Poller,
  runLoop,
  Socket,
  SocketAddress,
  toDuplex
} from 'pollport'
import { describe, expect, onTestFinished, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'
import { openProbe } from '../support/poller-probe.ts'

type Options = Record<string, unknown>

const ANY = { address: LOCAL, port: 0 }
// What is given never names what it may have: options of the wrong type are not at issue here.
const given = (options: object) => options as never

/** Each call that takes options, with those that it must have, or must not go on without. */
const calls: Record<string, { call: (options: never) => unknown; needs?: Options }> = {
  'new Poller': { call: (options) => new Poller(options).close() },
  listenTcp: { call: (options) => openProbe().poller.listenTcp(options), needs: ANY },
  connectTcp: {
    call: (options) => openProbe().poller.connectTcp(options),
    needs: { ...ANY, port: 9 }
  },
  bindUdp: { call: (options) => openProbe().poller.bindUdp(options), needs: ANY },
  run: {
    call: (options) => openProbe().poller.run(() => {}, options),
    needs: { signal: AbortSignal.abort() }
  },
  runLoop: {
    call: (options) => runLoop(openProbe().poller, options),
    needs: { hz: 1000, onTick: () => false }
  },
  toDuplex: {
    call: (options) => {
      const { poller } = openProbe()
      const { port } = poller.listenTcp(ANY).localAddress
      toDuplex(poller.connectTcp({ address: LOCAL, port }), options)
    }
  },
  'new Socket': {
    call: (options) => new Socket(options).close(),
    needs: { type: 'udp' }
  },
  'Socket.fromHandle': {
    call: (options) => {
      const socket = new Socket({ type: 'udp' })
      onTestFinished(() => socket.close())
      const { handle } = socket
      const again = Socket.fromHandle(handle, options)
      socket.detach()
      again.close()
    }
  },
  'new FrameEncoder': { call: (options) => new FrameEncoder(options) },
  'new FrameDecoder': { call: (options) => new FrameDecoder(options) }
}
if (backends.includes('iocp')) calls['new Iocp'] = { call: (options) => new Iocp(options).close() }

/** What a call throws, or its promise is rejected with; undefined if neither. */
async function failureOf(call: () => unknown): Promise<(Error & { code?: string }) | undefined> {
  try {
    await call()
  } catch (error) {
    return error as Error
  }
  return undefined
}

describe.each(Object.entries(calls))('%s', (_name, { call, needs = {} }) => {
  const refusal = (options: Options) => failureOf(() => call(given({ ...needs, ...options })))

  test('refuses an unknown option, whatever its value', async () => {
    for (const value of [1, null, undefined]) {
      const error = await refusal({ noSuchThing: value })
      expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' })
      expect(error?.message).toMatch(/^options\.noSuchThing does not exist: it is one of \w+/)
    }
  })

  test('takes the options that it must have, also in an object of another realm', async () => {
    expect(await refusal({})).toBeUndefined()
    const foreign = runInContext('({ ...needs })', createContext({ needs })) as never
    expect(await failureOf(() => call(foreign))).toBeUndefined()
  })

  test('looks at the own keys that can be listed, and at no others', async () => {
    const inherited = Object.assign(Object.create({ noSuchThing: 1 }), needs)
    expect(await failureOf(() => call(given(inherited)))).toBeUndefined()
    const hidden = Object.defineProperty({ ...needs, [Symbol('mine')]: 1 }, 'noSuchThing', {
      value: 1
    })
    expect(await failureOf(() => call(given(hidden)))).toBeUndefined()
    const bare = Object.assign(Object.create(null), needs)
    expect(await failureOf(() => call(given(bare)))).toBeUndefined()
  })
})

test.each([
  ['new Poller', 'readBudget', "'readBudgetBytes'"],
  ['new Poller', 'highWaterMark', "'highWaterMarkBytes'"],
  ['new Poller', 'receiveBufferBytes', "'batchBufferBytes'"],
  ['new Poller', 'maxDatagram', "'maxDatagramBytes'"],
  ['new Poller', 'maxevents', "'maxEvents'"],
  ['listenTcp', 'host', "'address'"],
  ['listenTcp', 'noDealy', "'noDelay'"],
  ['listenTcp', 'ipv6only', "'ipv6Only'"],
  ['connectTcp', 'timeout', "'timeoutMs'"],
  ['bindUdp', 'reuseAddr', "'reuseAddress'"],
  ['bindUdp', 'recvBufferSize', "'receiveBufferSize'"],
  ['toDuplex', 'highWaterMark', "'readableHighWaterMark' or 'writableHighWaterMark'"],
  ['toDuplex', 'closeTimeout', "'closeTimeoutMs'"],
  ['new FrameDecoder', 'maxFrame', "'maxFrameBytes'"],
  ['new Socket', 'nonblocking', "'nonBlocking'"],
  ['runLoop', 'onEvent', "'onEvents'"]
])('%s: of %s it says that %s may be meant', async (name, unknown, meant) => {
  const { call, needs = {} } = calls[name]
  const error = await failureOf(() => call(given({ ...needs, [unknown]: 1 })))
  expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  expect(error?.message).toBe(`options.${unknown} does not exist: did you mean ${meant}?`)
})

test.each([
  ['receiveTimeout', "'receiveTimeoutMs'"],
  ['sendTimeout', "'sendTimeoutMs'"],
  ['linger', "'lingerMs'"],
  ['keepAliveIdle', "'keepAliveIdleMs'"],
  ['keepAliveInterval', "'keepAliveIntervalMs'"]
])('setOption and getOption: of %s they say that %s may be meant', (unknown, meant) => {
  const socket = new Socket({ type: 'tcp' })
  const { poller } = openProbe()
  const uses = [socket, poller.listenTcp(ANY), poller.bindUdp(ANY)].flatMap((one) => [
    () => one.setOption(unknown as never, 1 as never),
    () => one.getOption(unknown as never)
  ])
  for (const use of uses)
    expect(use).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARG_VALUE',
        message: `name cannot be '${unknown}': did you mean ${meant}?`
      })
    )
  socket.close()
})

test('a refused option leaves nothing open', () => {
  const { poller } = openProbe()
  for (const make of ['listenTcp', 'connectTcp', 'bindUdp'] as const)
    expect(() => poller[make](given({ ...ANY, bcklog: 1 }))).toThrow(TypeError)
  expect(poller.stats.sockets).toBe(0)
})

test('a name of any length is refused at once, and not repeated whole', () => {
  const error = expect.objectContaining({ message: expect.stringMatching(/^.{0,300}$/) })
  expect(() => new Poller(given({ ['x'.repeat(1_000_000)]: 1 }))).toThrow(error)
})

test('an end point that somebody else made fits, with the family that it has', () => {
  const { poller } = openProbe()
  const makers = [
    (to: never) => poller.listenTcp(to),
    (to: never) => poller.connectTcp(to),
    (to: never) => poller.bindUdp(to)
  ]
  for (const make of makers) {
    for (const family of ['ipv4', 'IPv4', undefined])
      expect(() => make(given({ address: LOCAL, port: 0, family }))).not.toThrow()
    // What JSON, or a clone to another thread, makes of a SocketAddress.
    const parsed = JSON.parse(JSON.stringify(new SocketAddress(ANY)))
    expect(() => make(given(parsed))).not.toThrow()
    expect(() => make(given(new SocketAddress(ANY)))).not.toThrow()
    for (const family of ['ipv6', 'IPv6', 4, null])
      expect(() => make(given({ address: LOCAL, port: 0, family }))).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' })
      )
  }
})
