// No address can keep the others out: what one customer may take is bounded, by IPv6 network too,
// and when the server is full the address with most connections without a name loses one.

import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { blockOf } from '../rules/address.ts'
import { AddressRates } from '../rules/address-rates.ts'
import { Arrivals } from '../rules/arrivals.ts'
import { defaultLimits } from '../rules/limits.ts'
import { Session } from '../rules/session.ts'
import { openLobby, Person, until } from './person.ts'
import { Table } from './table.ts'
import { Visitor } from './web-player.ts'

const {
  maxConnections,
  maxConnectionsPerAddress,
  maxNewRoomsPerAddress,
  maxRoomsPerAddress,
  maxSignInsPerAddress
} = defaultLimits
const ATTACKER = '203.0.113.7'

test('5,000 silent connections from one address keep nobody out', () => {
  const table = new Table()
  for (let count = 0; count < 5_000; count++) table.arrive(ATTACKER)
  expect(table.dismissed.size).toBe(5_000 - maxConnectionsPerAddress)
  expect(table.heard(table.arrive())).toMatchObject([{ type: 'hello' }])
})

test('silent connections from a hundred addresses keep nobody out either', () => {
  const table = new Table()
  for (let count = 0; count < maxConnections; count++) table.arrive(`203.0.113.${count % 100}`)
  for (let count = 0; count < 500; count++) {
    const ann = table.arrive()
    table.do(ann, { type: 'name', name: `Ann ${count}` })
    expect(table.heard(ann).map(({ type }) => type)).toEqual(['hello', 'welcome'])
  }
  expect(new Set(table.dismissed.values())).toEqual(new Set(['server-full']))
})

test('who has a name is never sent away for somebody else', () => {
  const table = new Table({ maxConnections: 5 })
  const named = ['Ann', 'Bob', 'Cid', 'Dan', 'Eve'].map((name) => table.player(name))
  table.arrive()
  expect(named.some((session) => table.dismissed.has(session))).toBe(false)
  expect([...table.dismissed.values()]).toEqual(['server-full'])
})

test('a household comes in, and one more address of the same IPv6 network is one more of it', () => {
  const table = new Table()
  for (let at = 0; at < maxConnectionsPerAddress; at++)
    table.arrive(`2001:db8:1:2:${at.toString(16)}::1`)
  expect(table.dismissed.size).toBe(0)
  const extra = table.arrive('2001:db8:1:2:ffff::1')
  const neighbour = table.arrive('2001:db8:1:3::1')
  expect([table.dismissed.get(extra), table.dismissed.get(neighbour)]).toEqual([
    'too-many-connections',
    undefined
  ])
})

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:201', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['', '']
])('%s counts as %s', (address, block) => expect(blockOf(address)).toBe(block))

test('1,000 rooms from one address are a few, however they are made, and others make theirs', () => {
  const table = new Table({ maxRooms: 1_000 })
  const made: string[] = []
  for (let count = 0; count < 1_000; count++) {
    // Takes a name, makes a room, and loses its connection, so that the seat keeps the room.
    const attacker = table.arrive(ATTACKER)
    table.do(attacker, { type: 'name', name: `x ${count}` })
    table.do(attacker, { type: 'create', room: `Room ${count}` })
    made.push(...table.heard(attacker).map(({ type }) => type))
    table.lobby.lose(attacker, table.nowMs)
  }
  expect(table.lobby.roomCount).toBe(maxRoomsPerAddress)
  expect(made.filter((type) => type === 'welcome')).toHaveLength(maxSignInsPerAddress)
  const ann = table.player('Ann')
  table.do(ann, { type: 'create', room: 'Den' })
  expect(table.heard(ann)).toMatchObject([{ type: 'joined' }])
})

test('rooms that are made and left again are bounded by the minute', () => {
  const table = new Table()
  const busy = table.player('Busy', ATTACKER)
  for (let count = 0; count < maxNewRoomsPerAddress; count++) {
    table.do(busy, { type: 'create', room: `Room ${count}` })
    table.do(busy, { type: 'leave' })
  }
  expect(table.refusal(busy, { type: 'create', room: 'Den' })).toBe('too-many-rooms')
  table.passMs(60_000)
  table.do(busy, { type: 'create', room: 'Den' })
  expect(table.heard(busy)).toMatchObject([{ type: 'joined' }])
  expect(table.lobby.roomCount).toBe(1)
})

test('addresses are forgotten when they could do everything again', () => {
  const rates = new AddressRates(10)
  for (let count = 0; count < 1_000; count++) rates.take(`10.0.0.${count}`, count)
  expect(rates.size).toBe(1_000)
  rates.take('10.1.1.1', 62_000)
  expect(rates.size).toBe(1)
})

describe('the count of arrivals', () => {
  test('agrees with a plain one, whatever comes and goes', () => {
    let state = 11
    const random = (below: number) => {
      state = (state * 48271) % 2147483647
      return state % below
    }
    const arrivals = new Arrivals()
    const there: Session[] = []
    for (let step = 0; step < 5_000; step++) {
      if (there.length > 0 && random(2) === 0) {
        const [gone] = there.splice(random(there.length), 1)
        arrivals.delete(gone)
        arrivals.delete(gone)
      } else {
        const session = new Session(defaultLimits, 0, `10.0.0.${random(7)}`)
        there.push(session)
        arrivals.add(session)
        const sizeOf = (block: string) => there.filter((other) => other.block === block).length
        const most = Math.max(...there.map(({ block }) => sizeOf(block)))
        const out = arrivals.oneTooMany(session)
        if (sizeOf(session.block) === most) expect(out).toBe(session)
        else {
          expect(sizeOf(out.block)).toBe(most)
          expect(out).toBe(there.find(({ block }) => block === out.block))
        }
      }
      expect([...arrivals]).toEqual(there)
    }
  })
})

test('over real connections: a full server makes room at the cost of who holds it up', async () => {
  const server = await openLobby({ maxConnections: 60, maxConnectionsPerAddress: 1_000 })
  const silent = Array.from({ length: 200 }, () => new Person(server.port, '127.0.0.2'))
  await until('it is full', () => server.figures.connections >= 60)
  for (let count = 0; count < 20; count++) {
    const ann = await Person.signIn(server, `Ann ${count}`)
    await ann.isUndisturbed()
  }
  expect(silent.some(({ isClosed }) => isClosed)).toBe(true)
})

test('who keeps a full server busy with goodbyes keeps nobody out', async () => {
  const limits = { maxConnections: 20, maxGoodbyes: 5, maxConnectionsPerAddress: 1_000 }
  const server = await openLobby(limits)
  // They get the reason and the server's end, and do not close: each goodbye is a long one
  const crowd = Array.from({ length: 200 }, (_, at) => {
    const localAddress = `127.0.0.${2 + (at % 5)}`
    const socket = connect({ port: server.port, localAddress, allowHalfOpen: true })
    return socket.resume().on('error', () => {})
  })
  onTestFinished(() => {
    for (const socket of crowd) socket.destroy()
  })
  await until('it is full', () => server.figures.connections === 25)
  for (let count = 0; count < 20; count++) {
    const ann = await Person.signIn(server, `Ann ${count}`)
    await ann.isUndisturbed()
    ann.send({ type: 'sign-out' })
    await ann.next('signed-out')
    await ann.disconnect()
  }
})

test('at the web port it is the same: who has most unfinished requests loses one', async () => {
  const server = await openLobby({ maxVisitors: 20 })
  const slow = new Visitor(server.webPort)
  slow.socket.write('GET / HTTP/1.1\r\n')
  const half = new Visitor(server.webPort)
  half.socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nX: ')
  await until('both are there', () => [slow, half].every(({ socket }) => !socket.connecting))
  const crowd = Array.from({ length: 100 }, (_, at) => {
    const visitor = new Visitor(server.webPort, '127.0.0.2')
    visitor.socket.write(at % 2 === 0 ? '' : 'GET / HTTP/1.1\r\n')
    return visitor
  })
  await until('most of the crowd is gone', () => crowd.filter((one) => one.isClosed).length >= 60)
  slow.socket.write('Host: localhost\r\n\r\n')
  await slow.hears('HTTP/1.1 200')
  half.socket.write('y\r\n\r\n')
  await half.hears('HTTP/1.1 200')
})

test('and who has most answered requests whose connections stay loses one of those', async () => {
  const server = await openLobby({ maxVisitors: 4 })
  const asks = async (visitor: Visitor) => {
    visitor.heard = Buffer.alloc(0)
    visitor.socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await visitor.hears('HTTP/1.1 200')
  }
  const honest = new Visitor(server.webPort)
  await asks(honest)
  const crowd: Visitor[] = []
  for (let count = 0; count < 12; count++) {
    crowd.push(new Visitor(server.webPort, '127.0.0.2'))
    await asks(crowd[count])
  }
  await until('the crowd has three', () => crowd.filter((one) => !one.isClosed).length === 3)
  expect(honest.isClosed).toBe(false)
  await asks(honest)
})
