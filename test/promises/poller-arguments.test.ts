// Bad input to the unified floor: a clear error with a code, and nothing is broken by it.
import type { Poller, Socket } from 'pollport'
import { describe, expect, test } from 'vitest'
import { acceptedPair, LOCAL } from '../support/net-peer.ts'
import { openProbe, thrownBy } from '../support/poller-probe.ts'
import { tested } from '../support/tested-system.ts'

// biome-ignore lint/suspicious/noExplicitAny: the tests of this file pass what TypeScript would refuse.
type Anything = any

const TYPE = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }
const RANGE = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' }

/** Calls that take a numeric address and a port. */
const makers: Record<string, (poller: Poller, to: Anything) => unknown> = {
  listenTcp: (poller, to) => poller.listenTcp(to),
  connectTcp: (poller, to) => poller.connectTcp(to),
  bindUdp: (poller, to) => poller.bindUdp(to),
  'UdpSocket.send': (poller, to) => poller.bindUdp({ address: LOCAL, port: 0 }).send('x', to)
}

describe.each(Object.keys(makers))('%s', (name) => {
  const make = makers[name]

  test.each([['localhost'], ['example.com'], ['']])(
    'refuses the host name "%s" and points at node:dns',
    (address) => {
      const { poller } = openProbe()
      const error = thrownBy(() => make(poller, { address, port: 80 }))
      expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ADDRESS' })
      expect(error.message).toContain('node:dns')
    }
  )

  test.each([
    ['127.0.0.1:80'],
    ['127.0.0'],
    ['127.0.0.256'],
    ['127.0.0.1 '],
    ['[::1]'],
    ['::1::'],
    ['1'],
    ['127.0.0.1\0'],
    ['127.0.0.1\0.example.com']
  ])('refuses the address %j', (address) => {
    const { poller } = openProbe()
    expect(thrownBy(() => make(poller, { address, port: 80 })).code).toBe('ERR_INVALID_ADDRESS')
  })

  test.each([[65_536], [-1], [1.5], [Number.NaN], [Number.POSITIVE_INFINITY], [2 ** 32 + 80]])(
    'refuses the port %s',
    (port) => {
      const { poller } = openProbe()
      expect(thrownBy(() => make(poller, { address: LOCAL, port }))).toMatchObject(RANGE)
    }
  )

  test.each([['80'], [undefined], [null], [{}], [80n]])(
    'refuses a port that is no number (case %#)',
    (port) => {
      const { poller } = openProbe()
      expect(thrownBy(() => make(poller, { address: LOCAL, port }))).toMatchObject(TYPE)
    }
  )

  test.each([[undefined], [null], [127], [{}], [new Uint8Array(4)]])(
    'refuses an address that is no string (case %#)',
    (address) => {
      const { poller } = openProbe()
      expect(thrownBy(() => make(poller, { address, port: 80 }))).toMatchObject(TYPE)
    }
  )

  test.each([[undefined], [null], [80], ['127.0.0.1:80'], [() => {}]])(
    'refuses an end point that is no object (case %#)',
    (to) => {
      const { poller } = openProbe()
      expect(thrownBy(() => make(poller, to)).code).toMatch(/^ERR_INVALID_ARG_TYPE$/)
    }
  )
})

describe('options that are something else', () => {
  const listen = { address: LOCAL, port: 0 }

  test.each([
    ['backlog', -1],
    ['backlog', 1.5],
    ['sendBufferSize', -1],
    ['receiveBufferSize', Number.NaN]
  ])('listenTcp: %s %s is out of range', (option, value) => {
    const { poller } = openProbe()
    expect(thrownBy(() => poller.listenTcp({ ...listen, [option]: value })).code).toMatch(
      /^ERR_(OUT_OF_RANGE|INVALID_ARG_VALUE)$/
    )
    expect(poller.stats.sockets).toBe(0)
  })

  test.each([
    ['backlog', '5'],
    ['noDelay', 1],
    ['ipv6Only', 'yes', '::1'],
    ['reusePort', 'maybe'],
    ['keepAlive', null],
    ['sendBufferSize', '1']
  ])('listenTcp: %s of the wrong type', (option, value, address = LOCAL) => {
    const { poller } = openProbe()
    expect(
      thrownBy(() => poller.listenTcp({ address, port: 0, [option]: value } as Anything)).code
    ).toMatch(/^ERR_INVALID_ARG_(TYPE|VALUE)$/)
    expect(poller.stats.sockets).toBe(0)
  })

  test.each([
    ['timeoutMs', -2, 'ERR_OUT_OF_RANGE'],
    ['timeoutMs', Number.NaN, 'ERR_OUT_OF_RANGE'],
    ['timeoutMs', 'soon', 'ERR_INVALID_ARG_TYPE'],
    ['noDelay', 'yes', 'ERR_INVALID_ARG_TYPE'],
    ['localAddress', 'localhost', 'ERR_INVALID_ADDRESS'],
    ['localAddress', 7, 'ERR_INVALID_ARG_TYPE']
  ])('connectTcp: %s %s', (option, value, code) => {
    const { poller } = openProbe()
    expect(
      thrownBy(() => poller.connectTcp({ address: LOCAL, port: 9, [option]: value } as Anything))
        .code
    ).toBe(code)
    expect(poller.stats.sockets).toBe(0)
    expect(poller.wait(0)).toEqual([])
  })

  test.each([
    ['reportUnreachable', 1],
    ['receiveBufferSize', '4096'],
    ['reusePort', 'maybe']
  ])('bindUdp: %s of the wrong type', (option, value) => {
    const { poller } = openProbe()
    expect(thrownBy(() => poller.bindUdp({ ...listen, [option]: value } as Anything)).code).toMatch(
      /^ERR_INVALID_ARG_(TYPE|VALUE)$/
    )
    expect(poller.stats.sockets).toBe(0)
  })

  test.each([
    ['maxEvents', 0],
    ['maxEvents', -1],
    ['maxEvents', 1.5],
    ['maxEvents', 2 ** 40],
    ['readBudgetBytes', 0],
    ['readBudgetBytes', Number.NaN],
    ['batchBufferBytes', -1],
    ['batchBufferBytes', 2 ** 50],
    ['highWaterMarkBytes', -1],
    ['highWaterMarkBytes', Number.NaN],
    ['maxDatagramBytes', 0],
    ['maxDatagramBytes', 65_536]
  ])('new Poller: %s %s is out of range', (option, value) => {
    expect(thrownBy(() => tested.poller({ [option]: value }))).toMatchObject(RANGE)
  })

  test.each([
    'maxEvents',
    'readBudgetBytes',
    'batchBufferBytes',
    'highWaterMarkBytes',
    'maxDatagramBytes'
  ])('new Poller: %s of the wrong type', (option) => {
    for (const value of ['1024', {}, 10n, true])
      expect(thrownBy(() => tested.poller({ [option]: value } as Anything)).code).toBe(
        'ERR_INVALID_ARG_TYPE'
      )
  })

  test('new Poller: options that are no object', () => {
    for (const options of [7, 'epoll', null])
      expect(thrownBy(() => tested.poller(options as Anything)).code).toBe('ERR_INVALID_ARG_TYPE')
  })

  test('new Poller: a backend that there is nowhere, and the one of another system', () => {
    expect(thrownBy(() => tested.poller({ backend: 'kqueue' as Anything })).code).toMatch(
      /^ERR_INVALID_ARG_(VALUE|TYPE)$/
    )
    const { poller } = openProbe()
    const other = poller.backend === 'epoll' ? 'iocp' : 'epoll'
    expect(thrownBy(() => tested.poller({ backend: other })).code).toBe('ERR_UNSUPPORTED_PLATFORM')
    const own = poller.backend as 'epoll' | 'iocp'
    expect(openProbe({ backend: own }).poller.backend).toBe(own)
    expect(openProbe({ backend: 'auto' }).poller.backend).toBe(poller.backend)
  })
})

describe('data that is something else', () => {
  const wrong = [
    undefined,
    null,
    7,
    true,
    {},
    [1, 2, 3],
    new ArrayBuffer(3),
    new DataView(new ArrayBuffer(3)),
    new Float64Array(1),
    1n,
    () => {}
  ]

  test.each(wrong.map((value) => [value]))('send() refuses it (case %#)', async (value) => {
    const probe = openProbe()
    const { connection, peer } = await acceptedPair(probe)
    expect(thrownBy(() => connection.send(value as Anything))).toMatchObject(TYPE)
    connection.send('works')
    await probe.until('the connection works', () => peer.received.toString() === 'works')
  })

  test.each(wrong.map((value) => [value]))(
    'UdpSocket.send() and broadcast() refuse it (case %#)',
    (value) => {
      const { poller } = openProbe()
      const socket = poller.bindUdp({ address: LOCAL, port: 0 })
      expect(
        thrownBy(() => socket.send(value as Anything, { address: LOCAL, port: 9 }))
      ).toMatchObject(TYPE)
      expect(thrownBy(() => poller.broadcast([], value as Anything))).toMatchObject(TYPE)
    }
  )

  test('a detached buffer is refused and says so', async () => {
    const probe = openProbe()
    const { connection, peer } = await acceptedPair(probe)
    const socket = probe.poller.bindUdp({ address: LOCAL, port: 0 })
    const bytes = new Uint8Array(100_000).fill(1)
    structuredClone(bytes, { transfer: [bytes.buffer] })
    for (const action of [
      () => connection.send(bytes),
      () => socket.send(bytes, { address: LOCAL, port: 9 }),
      () => probe.poller.broadcast([connection], bytes)
    ]) {
      const error = thrownBy(action)
      expect(error).toBeInstanceOf(TypeError)
      expect(error.code).toMatch(/^ERR_/)
      expect(error.message).toMatch(/detached/i)
    }
    connection.send('works')
    await probe.until('the connection works', () => peer.received.toString() === 'works')
  })

  test('a buffer that is detached after it was sent has been sent', async () => {
    const probe = openProbe({ highWaterMarkBytes: 64 * 1024 * 1024 })
    const { connection, peer } = await acceptedPair(probe)
    for (const length of [1_000, 10_000_000]) {
      const bytes = new Uint8Array(length).fill(7)
      connection.send(bytes)
      structuredClone(bytes, { transfer: [bytes.buffer] })
    }
    await probe.until('all is there', () => peer.receivedBytes === 10_001_000)
    expect(peer.received.every((byte) => byte === 7)).toBe(true)
  })

  test('trying to give away the memory of an event breaks nothing', async () => {
    const probe = openProbe()
    const { connection, peer } = await acceptedPair(probe)
    peer.socket.write('mine')
    await probe.until('it is there', () => {
      for (const event of probe.poller.wait(0)) {
        if (event.type !== 'receive') continue
        try {
          structuredClone(event.data, { transfer: [event.data.buffer as ArrayBuffer] })
        } catch (error) {
          expect((error as Error).name).toBe('DataCloneError') // Node 20 copies it instead.
        }
      }
      return connection.bytesReceived === 4
    })
    peer.socket.write('again')
    await probe.until(
      'the next bytes are right',
      () => probe.bytesOf(connection).toString() === 'again'
    )
  })

  test('shared memory may be sent', async () => {
    const probe = openProbe()
    const { connection, peer } = await acceptedPair(probe)
    const bytes = new Uint8Array(new SharedArrayBuffer(5))
    bytes.set(Buffer.from('share'))
    try {
      connection.send(bytes)
    } catch (error) {
      // Refused with a code will do as well.
      expect((error as { code?: string }).code).toMatch(/^ERR_/)
      return
    }
    await probe.until('it is there', () => peer.received.toString() === 'share')
  })
})

describe('methods on what they do not belong to', () => {
  test('a method without its object throws and does not crash', async () => {
    const probe = openProbe()
    const { connection, listener } = await acceptedPair(probe)
    for (const target of [probe.poller, connection, listener]) {
      for (const method of Object.getOwnPropertyNames(Object.getPrototypeOf(target))) {
        if (method === 'constructor') continue
        const { value, get } = Object.getOwnPropertyDescriptor(
          Object.getPrototypeOf(target),
          method
        ) as PropertyDescriptor
        const call = (self: unknown) => {
          const result = (get ?? value).call(self, () => {}, {})
          if (result instanceof Promise) result.catch(() => {})
        }
        for (const self of [undefined, {}, Object.create(Object.getPrototypeOf(target))]) {
          try {
            call(self)
          } catch (error) {
            expect(error).toBeInstanceOf(Error)
          }
        }
      }
    }
    expect(probe.poller.wait(0)).toEqual([])
  })

  test('adopt() refuses what is no Socket', () => {
    const { poller } = openProbe()
    for (const value of [undefined, null, 7, {}, 'socket']) {
      expect(thrownBy(() => poller.adopt(value as unknown as Socket)).code).toBe(
        'ERR_INVALID_ARG_TYPE'
      )
    }
  })

  test('run() refuses what is no function, and a signal that is none', async () => {
    const { poller } = openProbe()
    for (const value of [undefined, null, 7, {}])
      await expect(poller.run(value as Anything)).rejects.toMatchObject(TYPE)
    await expect(poller.run(() => {}, { signal: 'stop' as Anything })).rejects.toMatchObject(TYPE)
    expect(poller.wait(0)).toEqual([])
  })
})

test('a poller belongs to its thread: it cannot be posted to another', () => {
  const { poller } = openProbe()
  expect(() => structuredClone(poller)).toThrow(expect.objectContaining({ name: 'DataCloneError' }))
  const { port1, port2 } = new MessageChannel()
  try {
    expect(() => port1.postMessage(poller)).toThrow(
      expect.objectContaining({ name: 'DataCloneError' })
    )
    expect(() => port1.postMessage({ deep: [poller] })).toThrow(
      expect.objectContaining({ name: 'DataCloneError' })
    )
  } finally {
    port1.close()
    port2.close()
  }
  expect(poller.wait(0)).toEqual([])
})

test('an error names what was wrong: the argument, and what came instead', () => {
  const { poller } = openProbe()
  expect(thrownBy(() => poller.listenTcp({ address: LOCAL, port: 65_536 })).message).toMatch(
    /port.*65,?_?536/s
  )
  expect(thrownBy(() => poller.listenTcp({ address: 'localhost', port: 80 })).message).toContain(
    'localhost'
  )
  expect(thrownBy(() => poller.wait('soon' as Anything)).message).toMatch(/timeout/i)
})

test('options that are given as undefined are as if they were left out', () => {
  const { poller } = openProbe()
  const listener = poller.listenTcp({
    address: LOCAL,
    port: 0,
    backlog: undefined,
    reusePort: undefined,
    noDelay: undefined
  })
  const to = { address: LOCAL, port: listener.localAddress.port }
  const connection = poller.connectTcp({
    ...to,
    timeoutMs: undefined,
    localAddress: undefined,
    keepAlive: undefined
  })
  const udp = poller.bindUdp({
    address: LOCAL,
    port: 0,
    reuseAddress: undefined,
    ttl: undefined,
    tos: undefined
  })
  for (const socket of [listener, connection, udp]) socket.close()
  tested
    .poller({
      backend: undefined,
      maxEvents: undefined,
      batchBufferBytes: undefined,
      readBudgetBytes: undefined
    })
    .close()
  tested.poller({ highWaterMarkBytes: undefined, maxDatagramBytes: undefined }).close()
})
