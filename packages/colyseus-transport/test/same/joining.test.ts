// Clients that join, exchange messages, and are refused.
import { exchange } from '../support/raw-socket.ts'
import { same } from '../support/same.ts'
import { left, message, until } from '../support/serving.ts'

same('a client joins, and the room sees it come and go', {
  async run(serving) {
    const room = await serving.client().joinOrCreate('game', { name: 'ann' })
    const welcome = await message(room, 'welcome')
    const goodbye = left(room)
    await room.leave()
    const { code } = await goodbye
    await serving.heard('dispose')
    return { welcome, code, events: serving.events }
  },
  sees: {
    welcome: { name: 'ann' },
    code: 4000,
    events: ['join ann', 'leave 4000', 'dispose']
  }
})

same('state and its changes come to all, messages in order', {
  async run(serving) {
    const [ann, ben] = await Promise.all(
      ['ann', 'ben'].map((name) => serving.client().joinOrCreate('game', { name }))
    )
    const seen: number[] = []
    ben.onMessage('everybody', (number: number) => seen.push(number))
    ann.onMessage('everybody', () => {})
    for (const room of [ann, ben]) room.onMessage('welcome', () => {})
    await until('both are there', () => ben.state.players?.size === 2)
    for (let number = 0; number < 100; number++) ann.send('everybody', number)
    ann.send('move', { x: 7, y: 8 })
    await until('she has moved', () => ben.state.players.get(ann.sessionId).x === 7)
    await until('all have come', () => seen.length === 100)
    const { name, x, y } = ben.state.players.get(ann.sessionId)
    return { inOrder: seen.every((number, at) => number === at), name, x, y }
  },
  sees: { inOrder: true, name: 'ann', x: 7, y: 8 }
})

same('bytes that a room keeps for a while are still those that came', {
  async run(serving) {
    const room = await serving.client().joinOrCreate('game')
    room.onMessage('welcome', () => {})
    const back: string[] = []
    room.onMessage('bytes', (bytes: Uint8Array) => back.push(Buffer.from(bytes).toString('hex')))
    for (let number = 0; number < 20; number++)
      room.sendBytes('bytes', new Uint8Array(4).fill(number))
    await until('all are back', () => back.length === 20)
    return back.every((hex, at) => hex === Buffer.alloc(4, at).toString('hex'))
  },
  sees: true
})

same('a large message to a client comes whole', {
  async run(serving) {
    const room = await serving.client().joinOrCreate('game')
    room.onMessage('welcome', () => {})
    const echo = message<string>(room, 'echo')
    room.send('echo', 'x'.repeat(4000))
    return (await echo).length
  },
  sees: 4000
})

same('a message over maxPayload closes the client with 1009', {
  async run(serving) {
    const room = await serving.client().joinOrCreate('game')
    room.reconnection.enabled = false
    room.onMessage('welcome', () => {})
    const goodbye = left(room)
    room.send('echo', 'x'.repeat(5000))
    const { code } = await goodbye
    const dropped = await serving.heard('drop')
    return { code, dropped }
  },
  sees: { code: 1009, dropped: '1009' },
  byDefault: {
    sees: { code: 1009, dropped: '1006' },
    because: 'ws sends 1009 to the client, and reports 1006 to the room'
  }
})

same('a longer maxPayload lets it in', {
  settings: { options: { maxPayload: 100_000 } },
  async run(serving) {
    const room = await serving.client().joinOrCreate('game')
    room.onMessage('welcome', () => {})
    const echo = message<string>(room, 'echo')
    room.send('echo', 'x'.repeat(90_000))
    return (await echo).length
  },
  sees: 90_000
})

same('compressed messages come whole', {
  settings: { options: { perMessageDeflate: { threshold: 100 }, maxPayload: 100_000 } },
  async run(serving) {
    const room = await serving.client().joinOrCreate('game')
    room.onMessage('welcome', () => {})
    const echo = message<string>(room, 'echo')
    room.send('echo', 'x'.repeat(50_000))
    return (await echo).length
  },
  sees: 50_000
})

same('a room that does not let a client in says why', {
  run: (serving) =>
    serving
      .client()
      .joinOrCreate('closed')
      .then(
        () => 'joined',
        ({ code, message: reason }) => `${code} ${reason}`
      ),
  sees: '4300 closed'
})

same('a seat that nobody has reserved is refused: an error, then the close', {
  run: ({ port }) => exchange(port, '/process/nowhere?sessionId=nobody'),
  sees: {
    messages: [`0bcd0c02b9${Buffer.from('seat reservation expired.').toString('hex')}`],
    code: 4002
  }
})

same('a connection without a room answers pings, and is closed after a second', {
  async run({ port }) {
    const startedAt = performance.now()
    const ended = await exchange(port, '/', Uint8Array.of(1), Uint8Array.of(2))
    return { ...ended, early: performance.now() - startedAt < 900 }
  },
  sees: { messages: ['12', '12'], code: 1000, early: false }
})

same("the SDK's measure of latency works", {
  run: async (serving) => (await serving.client().getLatency({ pingCount: 2 })) >= 0,
  sees: true
})

same('what a handler of a message throws shuts the process down, with 1', {
  async run(serving) {
    const room = await serving.client().joinOrCreate('game')
    room.onMessage('welcome', () => {})
    room.send('throw')
    return serving.heard('exit')
  },
  sees: '1'
})
