// A gateway without rules behind it: what it does by itself when somebody does not keep up, or when
// there are too many.
import { connect } from 'node:net'
import { pino } from 'pino'
import { expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { encodeView } from '../games/coin-arena/wire.ts'
import { games } from '../games/index.ts'
import { Gateway } from '../gateway/gateway.ts'
import type { HubLink } from '../gateway/links.ts'
import { defaultSettings, type Settings } from '../server/config.ts'
import { encodeState } from '../wire/datagram.ts'
import { encode } from '../wire/protocol.ts'
import { Person, until } from './person.ts'

const state = encodeState({
  match: 1,
  tick: 1,
  seqs: [4],
  body: encodeView({ players: [{ seat: 0, x: 1, y: 2, score: 3 }], coins: [{ x: 5, y: 6 }] })
})

function openGateway(settings: Partial<Settings> = {}) {
  const doors = {
    address: '127.0.0.1',
    listen: { port: 0, webAddress: '127.0.0.1', webPort: 0, isShared: false },
    udpPort: 0
  }
  const log = pino({ level: 'silent' })
  const gateway = new Gateway(doors, { ...defaultSettings, ...settings }, log, games)
  const hub = {
    enter: vi.fn<HubLink['enter']>(),
    receive: vi.fn<HubLink['receive']>(),
    input: vi.fn<HubLink['input']>(),
    lose: vi.fn<HubLink['lose']>(),
    leave: vi.fn<HubLink['leave']>(),
    refused: vi.fn<HubLink['refused']>()
  }
  const ended = gateway.run(hub)
  onTestFinished(async () => {
    gateway.stop(encode({ type: 'bye' }))
    await ended
  })
  return { gateway, hub, port: gateway.port as number, webPort: gateway.webPort as number }
}

/** Somebody who has come and reads nothing. */
function deafPlayer(isBrowser: boolean, port: number, webPort: number): void {
  if (isBrowser) {
    const socket = new WebSocket(`ws://127.0.0.1:${webPort}/play`)
    socket.on('error', () => {})
    socket.on('open', () => socket.pause())
    onTestFinished(() => socket.terminate())
  } else {
    const socket = connect({ port, host: '127.0.0.1' }).pause()
    socket.on('error', () => {})
    onTestFinished(() => void socket.destroy())
  }
}

test.each([true, false])(
  'who does not keep up is sent no states, and is cut off when too much waits (a browser: %s)',
  async (isBrowser) => {
    const maxUnreadBytes = 64 * 1024
    const { gateway, hub, port, webPort } = openGateway({ maxUnreadBytes })
    deafPlayer(isBrowser, port, webPort)
    await until('somebody is there', () => hub.enter.mock.calls.length === 1)
    const [client] = hub.enter.mock.calls[0]

    gateway.deliverState([client], 'coin-arena', state)
    expect(gateway.figures.messagesOut).toBe(1)

    // Until the systems of both sides take no more, and some is waiting here.
    const line = encode({ type: 'chat', from: 'Ann', to: 'room', text: 'x'.repeat(8_000) })
    let sent = 0
    const say = () => {
      gateway.deliver([client], line)
      sent += line.length
    }
    let taken = 0
    for (let quietTurns = 0; quietTurns < 50; quietTurns++) {
      if (taken !== gateway.figures.bytesOut) quietTurns = 0
      taken = gateway.figures.bytesOut
      if (sent - taken < line.length) say()
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    const { messagesOut } = gateway.figures
    gateway.deliverState([client], 'coin-arena', state)
    expect(gateway.figures.messagesOut, 'the state is left out').toBe(messagesOut)
    expect(hub.lose).not.toHaveBeenCalled()

    // It is looked for twenty times a second.
    while (hub.lose.mock.calls.length === 0) {
      say()
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    expect(sent - gateway.figures.bytesOut).toBeLessThan(maxUnreadBytes + 2 * line.length)
    await until('it is gone', () => gateway.figures.connections === 0)
    expect(hub.lose.mock.calls).toEqual([[client]])
  }
)

test('a hub that says nothing does not let connections pile up', async () => {
  const { gateway, hub, port } = openGateway({ maxConnections: 20, maxGoodbyes: 5 })
  const crowd = Array.from({ length: 100 }, () =>
    connect({ port, host: '127.0.0.1' }).on('error', () => {})
  )
  onTestFinished(() => {
    for (const socket of crowd) socket.destroy()
  })
  await until('most are cut off', () => crowd.filter(({ destroyed }) => destroyed).length === 75)
  expect(gateway.figures.connections).toBe(25)
  expect(hub.enter).toHaveBeenCalledTimes(25)
})

test('a connection enters first, and is lost or leaves once', async () => {
  const { gateway, hub, port } = openGateway({ goodbyeMs: 50 })
  const ends: ((client: number, socket: ReturnType<typeof connect>) => void)[] = [
    (_, socket) => socket.end(),
    (_, socket) => socket.resetAndDestroy(),
    (client) => gateway.dismiss(client, encode({ type: 'bye' })),
    (_, socket) => socket.write(Buffer.from([0xff, 0xff])),
    (client, socket) => {
      socket.write(Buffer.from([0xff, 0xff]))
      gateway.dismiss(client, encode({ type: 'bye' }))
    },
    (client, socket) => {
      gateway.dismiss(client, encode({ type: 'bye' }))
      socket.resetAndDestroy()
    }
  ]
  for (const [number, end] of ends.entries()) {
    const socket = connect({ port, host: '127.0.0.1' }).resume()
    socket.on('error', () => {})
    await until('it has entered', () => hub.enter.mock.calls.length === number + 1)
    const [client] = hub.enter.mock.calls[number]
    end(client, socket)
    await until('it is gone', () => gateway.figures.connections === 0)
    const told = hub.lose.mock.calls.length + hub.leave.mock.calls.length
    // Who is dismissed by the hub is no news to it.
    expect(told, `end ${number}`).toBe([1, 1, 0, 1, 0, 0][number])
    hub.lose.mockClear()
    hub.leave.mockClear()
    socket.destroy()
  }
  expect(hub.receive).not.toHaveBeenCalled()
})

test('a message to hundreds goes out in parts, in order, and delays nobody else', async () => {
  const { gateway, hub, port } = openGateway()
  const people = Array.from({ length: 450 }, () => new Person(port))
  await until('all have entered', () => hub.enter.mock.calls.length === people.length)
  const ids = hub.enter.mock.calls.map(([client]) => client)
  const say = (text: string, to: number[]) =>
    gateway.deliver(to, encode({ type: 'chat', from: 'Ann', to: 'lobby', text }))
  const linesOf = (person: Person) => person.all('chat').map(({ text }) => text)
  // What is sent in one turn: to all, to most of them, to all again, and to each of two.
  say('first', ids)
  say('second', ids.slice(0, 150))
  say('third', ids)
  say('at once', ids.slice(-2))
  await until('the last two hear what is for them', () => {
    return people.filter((person) => linesOf(person).includes('at once')).length === 2
  })
  await until('all hear everything', () =>
    people.every((person) => linesOf(person).includes('third'))
  )
  for (const person of people) {
    const lines = linesOf(person).filter((text) => text !== 'at once')
    expect(lines, 'each once, and in order').toEqual(
      lines.length === 3 ? ['first', 'second', 'third'] : ['first', 'third']
    )
  }
  expect(people.filter((person) => linesOf(person).includes('second'))).toHaveLength(150)
  const [hasty] = people.filter((person) => linesOf(person).includes('at once'))
  expect(linesOf(hasty)[0], 'it did not wait for the crowd').toBe('at once')
})

test('messages to hundreds do not pile up, and a gateway that stops in the midst of them says goodbye to all', async () => {
  const { gateway, hub, port } = openGateway()
  const people = Array.from({ length: 250 }, () => new Person(port))
  await until('all have entered', () => hub.enter.mock.calls.length === people.length)
  const ids = hub.enter.mock.calls.map(([client]) => client)
  for (let id = 0; id < 500; id++) gateway.deliver(ids, encode({ type: 'pong', id }))
  await until('some is heard', () => people.every((person) => person.all('pong').length > 10))
  gateway.stop(encode({ type: 'bye' }))
  for (const person of people) await person.isSentAway()
  for (const person of people) {
    expect(person.heard.at(-1)).toEqual({ type: 'bye' })
    const heard = person.all('pong').map(({ id }) => id)
    expect(heard).toEqual(heard.map((_, number) => number)) // none is missing in between
    expect(heard.length).toBeLessThanOrEqual(60)
  }
})
