// A WebSocketServer's promises: what its handlers are told and when, what a peer may not do, and
// what happens to one that is slow, silent, or does not close.
import { setTimeout as sleep } from 'node:timers/promises'
import { Poller } from 'pollport'
import { connectWebSocket, WebSocket, WebSocketServer } from 'pollport/websocket'
import { describe, expect, onTestFinished, test } from 'vitest'
import { binary, close, decode, first, goOn, ping, pong, text } from './frames.ts'
import { ask, LOCAL, RawClient, requestText, serve, until } from './serving.ts'

const words = (client: RawClient): string[] => decode(client.frames, { role: 'client' })

describe('messages', () => {
  test('come in order, with control frames among fragments', async () => {
    const { port } = serve()
    const client = await ask(port)
    await client.write(
      Buffer.concat([text('a'), text('b', first), ping('p'), goOn('c'), binary('d')])
    )
    await until('all are answered', () => words(client).length === 4)
    expect(words(client)).toEqual(['text a', 'pong 70', 'text bc', 'binary 64'])
  })

  test('that come in parts, from many peers in turn, stay each peer’s own', async () => {
    const { port } = serve()
    const clients = await Promise.all([0, 1, 2, 3].map(() => ask(port)))
    const expected = clients.map((_, index) => [
      `text whole ${index}`,
      `text fragments ${index}`,
      `text frame ${index}`,
      `text last ${index}`
    ])
    // In turn, so that each step finds what the others have begun.
    const steps = [
      (index: number) => text(`whole ${index}`),
      () => text('fragments ', first),
      (index: number) => Buffer.concat([goOn(`${index}`), text(`frame ${index}`).subarray(0, 9)]),
      (index: number) => Buffer.concat([text(`frame ${index}`).subarray(9), text(`last ${index}`)])
    ]
    for (const [at, step] of steps.entries()) {
      for (const [index, client] of clients.entries()) await client.write(step(index))
      const echoes = [1, 1, 2, 4][at]
      await until('all have their echoes', () =>
        clients.every((client) => words(client).length === echoes)
      )
    }
    expect(clients.map(words)).toEqual(expected)
  })

  test('data is a view that is valid until the handler returns, and not after an await', async () => {
    const seen: string[] = []
    const { port } = serve({
      async onMessage(_socket, data) {
        seen.push(data.toString())
        const kept = data
        await sleep(1)
        await until('the next message has come', () => seen.length >= 2)
        seen.push(`later ${kept.toString()}`)
      }
    })
    const client = await ask(port)
    await client.write(text('first message'))
    await until('it has come', () => seen.length === 1)
    await client.write(text('other message'))
    await until('both have looked again', () => seen.length === 4)
    expect(seen.slice(0, 2)).toEqual(['first message', 'other message'])
    expect(seen[2]).toBe('later other message')
  })

  test('what a handler throws is an uncaught exception, and the others run all the same', async () => {
    const uncaught: unknown[] = []
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => uncaught.push(error))
    try {
      const seen: string[] = []
      const { port } = serve({
        onMessage(_socket, data) {
          seen.push(data.toString())
          if (seen.length === 1) throw new Error('from onMessage')
        }
      })
      const client = await ask(port)
      await client.write(Buffer.concat([text('a'), text('b')]))
      await until('both have come', () => seen.length === 2 && uncaught.length === 1)
      expect(uncaught).toMatchObject([{ message: 'from onMessage' }])
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of listeners) process.on('uncaughtException', listener)
    }
  })

  test('of all sizes are echoed, text and bytes', async () => {
    const { port, poller } = serve({ maxMessageBytes: 2 ** 24 })
    const sizes = [0, 1, 125, 126, 8000, 8192, 16_384, 65_520, 65_536, 300_000, 5_000_000]
    const seen: number[] = []
    connectWebSocket(poller, {
      address: LOCAL,
      port,
      maxMessageBytes: 2 ** 24,
      maxBufferedBytes: 2 ** 26,
      onOpen(socket) {
        for (const size of sizes) socket.send(Buffer.alloc(size, size))
        socket.send('é'.repeat(50_000))
      },
      onMessage(socket, data, isText) {
        const size = sizes[seen.length]
        if (isText) expect(socket.text(data)).toBe('é'.repeat(50_000))
        else expect(data.equals(Buffer.alloc(size, size))).toBe(true)
        seen.push(data.length)
      }
    })
    await until('all came back', () => seen.length === sizes.length + 1)
    expect(seen).toEqual([...sizes, 100_000])
  })
})

describe('RFC 6455, 7: closing', () => {
  test('7.1.5: the peer’s code is answered, and told', async () => {
    const serving = serve()
    const client = await ask(serving.port)
    await client.write(close(4001, 'enough'))
    await until('the server ends', () => client.hasEnded)
    expect(words(client)).toEqual(['close 4001'])
    client.socket.end()
    await until('it is told', () => serving.words.length === 2)
    expect(serving.words).toEqual(['open', 'close 4001 enough'])
    expect(serving.server.connections).toBe(0)
  })

  test('7.1.5: without a code it is 1005', async () => {
    const serving = serve()
    const client = await ask(serving.port)
    await client.write(close())
    await until('the server ends', () => client.hasEnded)
    expect(words(client)).toEqual(['close 1005'])
    client.socket.end()
    await until('it is told', () => serving.words.includes('close 1005'))
  })

  test('what was sent before a close arrives before it; what is sent after it is not sent', async () => {
    const serving = serve()
    const client = await ask(serving.port)
    const [socket] = serving.sockets
    expect(socket.readyState).toBe(WebSocket.OPEN)
    socket.send('last')
    socket.close(1001, 'bye')
    expect(socket.readyState).toBe(WebSocket.CLOSING)
    expect(socket.send('late')).toBe(false)
    expect(socket.ping()).toBe(false)
    socket.close()
    await client.write(text('still on its way'))
    await client.write(close(1001))
    await until('the server ends', () => client.hasEnded)
    expect(words(client)).toEqual(['text last', 'close 1001 bye'])
    client.socket.end()
    await until('it is told', () => serving.words.length === 2)
    expect(socket.readyState).toBe(WebSocket.CLOSED)
    expect(socket.send('late')).toBe(false)
  })

  test('a peer that does not answer a close is reset after closeTimeoutMs', async () => {
    const serving = serve({ closeTimeoutMs: 50 })
    const client = await ask(serving.port)
    serving.sockets[0].close()
    await client.closed()
    await until('it is told', () => serving.words.length === 2)
    expect(serving.words[1]).toBe('close 1006')
  })

  test('7.1.7: a peer that breaks a rule gets the code, and the program the error', async () => {
    const errors: unknown[] = []
    const serving = serve({ onClose: (_socket, _code, _reason, error) => errors.push(error) })
    const client = await ask(serving.port)
    await client.write(text('not masked', { key: null }))
    await until('the server ends', () => client.hasEnded)
    expect(words(client)).toEqual(['close 1002'])
    client.socket.end()
    await until('it is told', () => serving.words.length === 2)
    expect(serving.words[1]).toBe('close 1002')
    expect(errors).toMatchObject([{ code: 'ERR_WEBSOCKET_PROTOCOL' }])
  })

  test.each([
    ['1007', text(Buffer.from([0xff]))],
    ['1008', Buffer.concat([text('', first), goOn('', first), goOn('', first)])],
    ['1009', binary(Buffer.alloc(101))]
  ])('a limit or rule that is broken: %s', async (code, bytes) => {
    const serving = serve({ maxMessageBytes: 100, maxFragments: 2 })
    const client = await ask(serving.port)
    await client.write(bytes)
    await until('the server ends', () => client.hasEnded)
    expect(words(client)).toEqual([`close ${code}`])
  })

  test('a connection that ends without a close frame: 1006', async () => {
    const serving = serve()
    const ending = await ask(serving.port)
    ending.socket.end()
    await ending.closed()
    const leaving = await ask(serving.port)
    leaving.socket.resetAndDestroy()
    await until('both are told', () => serving.words.length === 4)
    expect(serving.words.filter((word) => word !== 'open')).toEqual(['close 1006', 'close 1006'])
  })

  test('terminate() resets, and onClose says 1006', async () => {
    const serving = serve()
    const client = await ask(serving.port)
    serving.sockets[0].terminate()
    await client.closed()
    await until('it is told', () => serving.words.length === 2)
    expect(serving.words).toEqual(['open', 'close 1006'])
  })

  test('server.close() refuses newcomers, closes all, and is fulfilled when they are', async () => {
    const serving = serve({ closeTimeoutMs: 500 })
    const client = await ask(serving.port)
    const silent = await ask(serving.port)
    const unfinished = new RawClient(serving.port)
    await unfinished.write('GET / HTTP/1.1\r\n')
    await until('it has come', () => serving.poller.stats.sockets === 4)
    const closing = serving.server.close()
    expect(serving.server.close()).toBe(closing)
    await until('it gets the close', () => words(client).includes('close 1001'))
    await client.write(close(1001))
    client.socket.end()
    // Read before the server resets who does not close, which takes with it what was not read.
    expect(await unfinished.answered()).toBe(503)
    await closing
    expect(serving.server.connections).toBe(0)
    await silent.closed()
    expect(() => serving.server.localAddress).toThrow('EBADF')
  })

  test('what may not be sent is a RangeError that names it, and nothing is closed', async () => {
    const serving = serve()
    await ask(serving.port)
    const outOfRange = (name: string) =>
      expect.objectContaining({ code: 'ERR_OUT_OF_RANGE', message: expect.stringContaining(name) })
    for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5])
      expect(() => serving.server.close(code)).toThrow(outOfRange('code'))
    const [socket] = serving.sockets
    for (const code of [0, 999, 1004, 1006, 1015, 2999, 5000, 1000.5])
      expect(() => socket.close(code)).toThrow(outOfRange('code'))
    expect(() => socket.close(1000, 'é'.repeat(62))).toThrow(outOfRange('reason'))
    expect(socket.readyState).toBe(WebSocket.OPEN)
    expect(serving.server.connections).toBe(1)
  })

  test('using and await using close: a WebSocket and a server are disposable', async () => {
    const serving = serve()
    const clients = [await ask(serving.port), await ask(serving.port)]
    serving.sockets[0][Symbol.dispose]()
    expect(serving.sockets[0].readyState).toBe(WebSocket.CLOSING)
    await until('it gets the close', () => words(clients[0]).includes('close 1000'))
    await clients[0].write(close(1000))
    serving.server[Symbol.dispose]()
    const disposed = serving.server[Symbol.asyncDispose]()
    expect(disposed).toBe(serving.server.close())
    await until('it gets the close', () => words(clients[1]).includes('close 1001'))
    await clients[1].write(close(1001))
    for (const { socket } of clients) socket.end()
    await disposed
    expect(serving.server.connections).toBe(0)
  })
})

describe('RFC 6455, 5.5.2 and silence', () => {
  test('a silent peer is pinged; one that answers stays', async () => {
    const serving = serve({ pingIntervalMs: 20, idleTimeoutMs: 3000 })
    const client = await ask(serving.port)
    for (let round = 1; round <= 3; round++) {
      await until('a ping comes', () => words(client).length >= round)
      await client.write(pong())
    }
    expect(new Set(words(client))).toEqual(new Set(['ping ']))
    expect(serving.server.connections).toBe(1)
  })

  test('one that says nothing is terminated: 1006, with ETIMEDOUT', async () => {
    const errors: unknown[] = []
    const serving = serve({
      pingIntervalMs: 0,
      idleTimeoutMs: 50,
      onClose: (_socket, _code, _reason, error) => errors.push(error)
    })
    const client = await ask(serving.port)
    await client.closed()
    await until('it is told', () => errors.length === 1)
    expect(serving.words[1]).toBe('close 1006')
    expect(errors).toMatchObject([{ code: 'ETIMEDOUT' }])
    expect(words(client)).toEqual([])
  })

  test('onPing gets each ping of an open WebSocket, after its pong was sent', async () => {
    const pings: string[] = []
    const serving = serve({
      onPing: (socket, data) => {
        pings.push(data.toString())
        socket.send(`counted ${pings.length}`)
        if (pings.length === 2) socket.close(1008)
      }
    })
    const client = await ask(serving.port)
    await client.write(Buffer.concat([ping('a'), ping('b'), ping('c')]))
    await until('it is closed', () => words(client).length === 5)
    expect(words(client)).toEqual([
      'pong 61',
      'text counted 1',
      'pong 62',
      'text counted 2',
      'close 1008'
    ])
    expect(pings).toEqual(['a', 'b'])
  })

  test('onPong gets the answer to a ping', async () => {
    const serving = serve()
    const client = await ask(serving.port)
    serving.sockets[0].ping('now')
    await until('it comes', () => words(client).length === 1)
    await client.write(pong('now'))
    await until('it is told', () => serving.words.includes('pong now'))
  })
})

describe('slow peers', () => {
  const large = Buffer.alloc(1024 * 1024, 1)

  test('send() says false over the mark, loses nothing, and onDrain follows', async () => {
    const serving = serve({ highWaterMarkBytes: 64 * 1024, maxBufferedBytes: 2 ** 30 })
    const client = await ask(serving.port)
    client.socket.pause()
    const [socket] = serving.sockets
    let sent = 0
    while (socket.send(large)) sent++
    expect(socket.bufferedBytes).toBeGreaterThan(64 * 1024)
    sent++
    client.socket.resume()
    await until('it drains', () => serving.words.includes('drain'))
    await until('all has come', () => client.frames.length === sent * (large.length + 10))
    expect(socket.bufferedBytes).toBe(0)
  })

  test('over maxBufferedBytes it is terminated: 1013', async () => {
    const errors: unknown[] = []
    const serving = serve({
      highWaterMarkBytes: 64 * 1024,
      onClose: (_socket, _code, _reason, error) => errors.push(error)
    })
    const client = await ask(serving.port)
    client.socket.pause()
    const [socket] = serving.sockets
    while (socket.readyState === WebSocket.OPEN) socket.send(large)
    await until('it is told', () => errors.length === 1)
    expect(serving.words.at(-1)).toBe('close 1013')
    expect(errors).toMatchObject([{ code: 'ENOBUFS' }])
  })

  test('a peer that pings and does not read gets the last pong when it does', async () => {
    const serving = serve({ highWaterMarkBytes: 64 * 1024, maxBufferedBytes: 2 ** 30 })
    const client = await ask(serving.port)
    client.socket.pause()
    const [socket] = serving.sockets
    while (socket.send(large)) {}
    const before = socket.bufferedBytes
    for (let number = 0; number < 100; number++) await client.write(ping(String(number)))
    await client.write(text('last'))
    await sleep(20)
    expect(socket.bufferedBytes).toBeLessThan(before + 1000)
    client.socket.resume()
    await until('the pong comes', () => client.frames.includes(Buffer.from([0x8a, 2, 0x39, 0x39])))
  })
})

describe('topics', () => {
  test('a message goes to all subscribers, a WebSocket’s own to all but itself', async () => {
    const serving = serve()
    const clients = [await ask(serving.port), await ask(serving.port), await ask(serving.port)]
    const [a, b] = serving.sockets
    a.subscribe('news')
    a.subscribe('news')
    b.subscribe('news')
    expect(a.isSubscribed('news')).toBe(true)
    expect(serving.server.subscriberCount('news')).toBe(2)
    expect(serving.server.publish('news', 'to all')).toBe(2)
    expect(a.publish('news', Buffer.from('x'))).toBe(1)
    expect(serving.server.publish('nobody', 'x')).toBe(0)
    b.unsubscribe('news')
    expect(serving.server.publish('news', 'to one')).toBe(1)
    await until('they have come', () => words(clients[0]).length === 2)
    expect(words(clients[0])).toEqual(['text to all', 'text to one'])
    await until('they have come', () => words(clients[1]).length === 2)
    expect(words(clients[1])).toEqual(['text to all', 'binary 78'])
    expect(words(clients[2])).toEqual([])
  })

  test('one that is closing publishes nothing, and what is no message is refused', async () => {
    const inClose: number[] = []
    const serving = serve({ onClose: (socket) => inClose.push(socket.publish('a', 'left')) })
    const leaving = await ask(serving.port)
    const staying = await ask(serving.port)
    const [socket] = serving.sockets
    for (const one of serving.sockets) one.subscribe('a')
    expect(() => serving.server.publish('nobody', 5 as never)).toThrow(TypeError)
    expect(() => socket.publish('nobody', undefined as never)).toThrow(TypeError)
    expect(socket.publish('a', 'bye')).toBe(1)
    socket.close()
    expect(socket.publish('a', 'closing')).toBe(0)
    leaving.socket.resetAndDestroy()
    await until('it is closed', () => inClose.length === 1)
    expect(inClose).toEqual([0])
    expect(serving.server.publish('a', 'has left')).toBe(1)
    await until('it has come', () => words(staying).length === 2)
    expect(words(staying)).toEqual(['text bye', 'text has left'])
  })

  test('one that closes leaves its topics', async () => {
    const serving = serve()
    const client = await ask(serving.port)
    serving.sockets[0].subscribe('a')
    client.socket.resetAndDestroy()
    await until('it is told', () => serving.words.length === 2)
    expect(serving.server.subscriberCount('a')).toBe(0)
  })

  test.each([
    ['skip', 1],
    ['close', 1]
  ] as const)('a slow subscriber: %s', async (slowSubscriber, expected) => {
    const serving = serve({
      slowSubscriber,
      highWaterMarkBytes: 64 * 1024,
      maxBufferedBytes: 2 ** 30
    })
    const slow = await ask(serving.port)
    const quick = await ask(serving.port)
    slow.socket.pause()
    for (const socket of serving.sockets) socket.subscribe('a')
    while (serving.sockets[0].send(Buffer.alloc(100_000))) {}
    expect(serving.server.publish('a', 'news')).toBe(expected)
    await until('the quick one has it', () => words(quick).length === 1)
    if (slowSubscriber === 'close')
      await until('the slow one is gone', () => serving.words.includes('close 1013'))
    else expect(serving.server.connections).toBe(2)
  })
})

describe('a server without a listener', () => {
  test('serves the connections that it is given, under the same rules', async () => {
    const poller = new Poller<unknown>()
    const listener = poller.listenTcp({ address: LOCAL, port: 0 })
    const seen: string[] = []
    const server = new WebSocketServer(poller, {
      listener: null,
      path: '/play',
      handshakeTimeoutMs: 500,
      onMessage: (socket, data) => void seen.push(socket.text(data))
    })
    const running = poller.run((events) => {
      for (const event of events)
        if (event.type === 'accept' && event.listener === listener) server.accept(event.socket)
    })
    onTestFinished(async () => {
      poller.close()
      await running
    })
    const { port } = listener.localAddress
    const client = await ask(port, { path: '/play' })
    expect(client.status).toBe(101)
    expect((await ask(port, { path: '/' })).status).toBe(404)
    expect(await new RawClient(port).answered()).toBe(408)
    await client.write(text('hello'))
    await until('it has come', () => seen.length === 1)
    expect(() => server.localAddress).toThrow(expect.objectContaining({ code: 'EBADF' }))

    const elsewhere = poller.listenTcp({ address: LOCAL, port: 0 })
    const gone = poller.connectTcp(elsewhere.localAddress)
    gone.reset()
    expect(() => server.accept(gone)).toThrow(expect.objectContaining({ code: 'EBADF' }))
    const closed = server.close()
    await until('1001 comes', () => words(client).includes('close 1001'))
    client.socket.end(close(1001))
    await closed
    expect(() => server.accept(gone)).toThrow(expect.objectContaining({ code: 'EBADF' }))
    expect(listener.closed).toBe(false)
  })
})

describe('requestDrain()', () => {
  test('is followed by one onDrain when the system has what was sent, however little', async () => {
    const serving = serve({
      onOpen: (socket) => {
        socket.send('a')
        socket.requestDrain()
        socket.requestDrain()
        serving.words.push(socket.bufferedBytes > 0 ? 'queued' : 'not queued')
      },
      onDrain: (socket) => void serving.words.push(`left ${socket.bufferedBytes}`),
      onMessage: (socket) => void socket.close()
    })
    const client = await ask(serving.port)
    await until('it has drained', () => serving.words.includes('left 0'))
    await client.write(text('x'))
    const [socket] = serving.sockets
    await until('it closes', () => socket.readyState === WebSocket.CLOSING)
    socket.requestDrain()
    client.socket.destroy()
    await until('it is closed', () => serving.words.some((word) => word.startsWith('close')))
    expect(serving.words.filter((word) => word.startsWith('left'))).toEqual(['left 0'])
    expect(serving.words).toContain('queued')
  })
})

describe('where it runs', () => {
  test('under a bare wait() the handlers run before it returns, and no batch has anything', async () => {
    const { Poller } = await import('pollport')
    const { WebSocketServer } = await import('pollport/websocket')
    const poller = new Poller()
    const seen: string[] = []
    const server = new WebSocketServer(poller, {
      address: LOCAL,
      port: 0,
      onOpen: () => void seen.push('open'),
      onMessage: (socket, data, isText) => {
        seen.push(data.toString())
        socket.send(data, { isText })
      }
    })
    const client = new RawClient(server.localAddress.port)
    await client.write(Buffer.concat([Buffer.from(requestText()), text('hello')]))
    const end = performance.now() + 10_000
    while (client.frames.length < 7 && performance.now() < end) {
      expect(poller.wait(0)).toEqual([])
      await new Promise((resolve) => setImmediate(resolve))
    }
    poller.close()
    expect(seen).toEqual(['open', 'hello'])
    expect(words(client)).toEqual(['text hello'])
  })

  test.each(['its own', 'a shared'])(
    'server.close() in a handler: %s listener’s last connections are refused, and no batch has anything',
    async (whose) => {
      const { Poller } = await import('pollport')
      const { WebSocketServer } = await import('pollport/websocket')
      const poller = new Poller<unknown>()
      onTestFinished(() => poller.close())
      const listener =
        whose === 'its own' ? undefined : poller.listenTcp({ address: LOCAL, port: 0 })
      const server = new WebSocketServer(poller, {
        ...(listener === undefined ? { address: LOCAL, port: 0 } : { listener: listener as never }),
        closeTimeoutMs: 50,
        onMessage: () => void server.close()
      })
      const { port } = server.localAddress
      const events: string[] = []
      const wait = () => {
        for (const event of poller.wait(0)) events.push(event.type)
      }
      const client = new RawClient(port)
      await client.write(requestText())
      await until('it is open', () => {
        wait()
        return server.connections === 1
      })
      // The message, and a connection behind it: one batch has both.
      await client.write(text('close'))
      const late = new RawClient(port)
      await new Promise((resolve) => late.socket.once('connect', resolve))
      await until('both are gone', () => {
        wait()
        return client.isClosed && late.isClosed
      })
      expect(late.text).not.toContain('101')
      expect(events).toEqual([])
      expect(poller.stats.sockets).toBe(listener === undefined ? 0 : 1)
    }
  )

  test('closing the poller: a handler may use the other WebSockets, and reaches nobody', async () => {
    const reached: unknown[] = []
    const serving = serve({
      onOpen: (socket) => socket.subscribe('all'),
      onClose: (gone) => {
        reached.push(serving.server.publish('all', 'one has left'), gone.publish('all', 'I have'))
        for (const socket of serving.sockets) {
          reached.push(socket.send('one has left') || socket.ping())
          socket.close()
        }
      }
    })
    for (let count = 0; count < 3; count++) await ask(serving.port)
    serving.poller.close()
    await until('all are told', () => serving.words.length === 6)
    expect(new Set(reached)).toEqual(new Set([0, false]))
  })

  test('closing the poller right after terminate() is an onClose all the same, and one', async () => {
    const serving = serve()
    await ask(serving.port)
    serving.sockets[0].terminate()
    serving.poller.close()
    expect(serving.words).toEqual(['open', 'close 1006'])
    expect(serving.server.connections).toBe(0)
  })

  test('closing the poller tells every WebSocket: 1006', async () => {
    const serving = serve()
    await ask(serving.port)
    serving.poller.close()
    expect(serving.words).toEqual(['open', 'close 1006'])
  })
})

describe('connectWebSocket', () => {
  test('a server that refuses, or is not there, is an onClose with the error', async () => {
    const serving = serve({ path: '/a' })
    const failures: string[] = []
    const onClose = (_socket: unknown, code: number, _reason: string, error?: Error) => {
      failures.push(`${code} ${(error as { code?: string })?.code}`)
    }
    connectWebSocket(serving.poller, { address: LOCAL, port: serving.port, path: '/b', onClose })
    await until('it is refused', () => failures.length === 1)
    connectWebSocket(serving.poller, { address: LOCAL, port: 1, onClose })
    await until('nobody is there', () => failures.length === 2)
    expect(failures).toEqual(['1006 ERR_WEBSOCKET_HANDSHAKE', '1006 ECONNREFUSED'])
  })

  test('has no topics: subscribe() and publish() say so', async () => {
    const { poller, port } = serve()
    const socket = connectWebSocket(poller, { address: LOCAL, port })
    await until('it is open', () => socket.readyState === WebSocket.OPEN)
    const notSupported = expect.objectContaining({ code: 'ENOTSUP' })
    expect(() => socket.subscribe('a')).toThrow(notSupported)
    expect(() => socket.publish('a', 'x')).toThrow(notSupported)
    expect(socket.isSubscribed('a')).toBe(false)
  })

  test('before onOpen nothing can be sent, and close() gives up', async () => {
    const serving = serve()
    const told: string[] = []
    const socket = connectWebSocket(serving.poller, {
      address: LOCAL,
      port: serving.port,
      onOpen: () => void told.push('open'),
      onClose: (_socket, code) => void told.push(`close ${code}`)
    })
    expect(socket.readyState).toBe(WebSocket.CONNECTING)
    expect(() => socket.send('x')).toThrow('ENOTCONN')
    socket.close()
    await until('it is told', () => told.length > 0)
    expect(told).toEqual(['close 1006'])
  })
})
