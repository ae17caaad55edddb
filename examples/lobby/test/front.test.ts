// What cluster/front.ts promises when something goes wrong between two nodes, on a clock that the
// test moves.
import { describe, expect, test } from 'vitest'
import { DirectoryError } from '../cluster/directory.ts'
import type { Player } from '../rules/player.ts'
import type { Session } from '../rules/session.ts'
import { keyOf } from '../wire/names.ts'
import { type FrontNode, frontNodes } from './front-node.ts'

const idOf = ({ player }: Session) => (player as Player).id

/** Whether a node has the player, as the directory knows. */
function isOwned(by: FrontNode, id: string): boolean | undefined {
  return by.engine.state.findPlayer(by.self, id)?.isOwned
}

/** The next calls do nothing that can be seen: the answer is lost, or they never arrive. */
function fail(
  node: FrontNode,
  name: 'letGo' | 'findPlayer' | 'takePlayer' | 'claimRoom' | 'passRoom' | 'listings',
  isDone: boolean,
  times = 1
): void {
  const { directory } = node
  const call = directory[name].bind(directory) as (...what: never[]) => Promise<unknown>
  let left = times
  Object.assign(directory, {
    [name]: async (...what: never[]) => {
      if (--left === 0) Object.assign(directory, { [name]: call })
      if (isDone) await call(...what)
      throw new DirectoryError('away', 'no answer')
    }
  })
}

test('a client that comes to a node that may not speak is served when it may', async () => {
  const { one, two } = await frontNodes(2)
  const host = await two.signIn('Host')
  await two.do(host, { type: 'create', room: 'Den' })
  const ann = await one.signIn('Ann')
  await one.do(ann, { type: 'join', room: 'Den' })
  const [move] = one.moves
  two.maySpeak = false
  const there = two.adopt(move)
  await two.do(there, { type: 'ready' })
  expect(there.player, 'it could not be told').toBeUndefined()
  expect(two.heard(there)).toEqual([])
  two.maySpeak = true
  await two.pass(200)
  expect(two.heard(there)).toEqual(['joined', 'ready'])
})

test('one whose connection ends meanwhile is away there, and can come back', async () => {
  const { one, two } = await frontNodes(2)
  const host = await two.signIn('Host')
  await two.do(host, { type: 'create', room: 'Den' })
  const ann = await one.signIn('Ann')
  await one.do(ann, { type: 'join', room: 'Den' })
  two.maySpeak = false
  const there = two.adopt(one.moves[0])
  two.lose(there)
  two.maySpeak = true
  await two.pass(200)
  expect(two.table.lobby.awayCount).toBe(1)
  const again = two.resume(one.table.tokenOf(ann))
  await two.pass(200)
  expect(two.heard(again)).toEqual(['welcome'])
})

test('a node that may not speak looks again by one timer, however many wait', async () => {
  const { one } = await frontNodes(1)
  one.maySpeak = false
  const sessions = Array.from({ length: 100 }, () => one.table.arrive())
  const before = one.alarms
  for (const [at, session] of sessions.entries())
    one.front.receive(session, Buffer.from(JSON.stringify({ type: 'name', name: `Ann ${at}` })))
  await one.pass(250)
  expect(one.alarms - before).toBeLessThan(10)
  one.maySpeak = true
  await one.pass(250)
  for (const session of sessions) expect(one.heard(session)).toContain('welcome')
})

test('a node that ends waits for no player on its way home', async () => {
  const { clock, one } = await frontNodes(1)
  const ann = await one.signIn('Ann')
  const passport = one.table.lobby.passportOf(ann.player as Player)
  fail(one, 'findPlayer', false, 100)
  let isHome = false
  void one.front.takeHome(passport).then(() => {
    isHome = true
  })
  await one.pass(1_000)
  await one.leave()
  await one.pass(1_000)
  expect(clock.alarms, 'that would keep its process').toBe(0)
  expect(isHome).toBe(false)
})

test('nor does one that has asked for it, and gets its answer afterwards', async () => {
  const { clock, one } = await frontNodes(1)
  const ann = await one.signIn('Ann')
  const passport = one.table.lobby.passportOf(ann.player as Player)
  let answer: (error: Error) => void = () => {}
  one.directory.findPlayer = () =>
    new Promise((_resolve, reject) => {
      answer = reject
    })
  void one.front.takeHome(passport)
  await one.pass(20)
  await one.leave()
  answer(new DirectoryError('away', 'it was closed'))
  await one.pass(1_000)
  expect(clock.alarms, 'that would keep its process').toBe(0)
})

describe('no name stays with a node that does not have its player', () => {
  test('when its client goes while the player is taken, and letting go fails', async () => {
    const { one, two, renewAll } = await frontNodes(2)
    const ann = await one.signIn('Ann')
    const id = idOf(ann)
    await one.leave()
    fail(two, 'letGo', false)
    const again = two.resume(one.table.tokenOf(ann))
    const take = two.directory.takePlayer.bind(two.directory)
    two.directory.takePlayer = async (id) => {
      const taken = await take(id)
      two.lose(again)
      return taken
    }
    await two.pass(200)
    expect(isOwned(two, id)).toBe(true)
    await renewAll()
    expect(isOwned(two, id)).toBe(false)
  })

  test('when the answer to taking it gets lost', async () => {
    const { one, two, renewAll } = await frontNodes(2)
    const ann = await one.signIn('Ann')
    const id = idOf(ann)
    await one.leave()
    fail(two, 'takePlayer', true)
    const again = two.resume(one.table.tokenOf(ann))
    await two.pass(200)
    expect(two.heard(again)).toEqual(['cluster-away'])
    await renewAll()
    expect(isOwned(two, id)).toBe(false)
  })

  test('when somebody comes with a token that has been used', async () => {
    const { one, two } = await frontNodes(2)
    const ann = await one.signIn('Ann')
    const id = idOf(ann)
    const used = one.table.tokenOf(ann)
    let last = ann
    for (let times = 0; times < 3; times++) {
      last = one.resume(one.table.tokenOf(last))
      await one.do(last, { type: 'ping' })
      await one.pass(1_500) // the directory knows
    }
    await one.leave()
    const thief = two.resume(used)
    await two.pass(200)
    expect(two.heard(thief)).toEqual(['token-used'])
    expect(isOwned(two, id)).toBe(false)
    const again = two.resume(one.table.tokenOf(last))
    await two.pass(200)
    expect(two.heard(again)).toContain('welcome')
  })

  test('when it went to another node and never arrived', async () => {
    const { one, two, renewAll } = await frontNodes(2)
    const host = await two.signIn('Host')
    await two.do(host, { type: 'create', room: 'Den' })
    const ann = await one.signIn('Ann')
    const id = idOf(ann)
    await one.do(ann, { type: 'join', room: 'Den' })
    expect(one.moves).toHaveLength(1)
    await renewAll()
    await one.pass(3_000)
    expect(isOwned(one, id), 'it may be on its way').toBe(true)
    await one.pass(5_000)
    await renewAll()
    expect(isOwned(one, id)).toBe(false)
  })

  test('and a player that has come back meanwhile is not let go', async () => {
    const { one, two, renewAll } = await frontNodes(2)
    const ann = await one.signIn('Ann')
    const id = idOf(ann)
    await one.leave()
    fail(two, 'takePlayer', true)
    two.resume(one.table.tokenOf(ann))
    await two.pass(200)
    const again = two.resume(one.table.tokenOf(ann))
    await two.pass(200)
    await renewAll()
    expect(two.heard(again)).toContain('welcome')
    expect(isOwned(two, id)).toBe(true)
  })
})

test('a connection that was given up, and looks open, does not hold up the next one', async () => {
  const { one, two } = await frontNodes(2)
  const ann = await one.signIn('Ann')
  await one.leave()
  const take = two.directory.takePlayer.bind(two.directory)
  two.directory.takePlayer = async () => 'asked'
  const dead = two.resume(one.table.tokenOf(ann))
  await two.pass(200)
  const next = two.resume(one.table.tokenOf(ann))
  await two.pass(1_000)
  expect(two.heard(dead)).toEqual(['replaced'])
  two.directory.takePlayer = take
  await two.pass(1_000)
  expect(two.heard(next)).toContain('welcome')
  expect(next.player?.name).toBe('Ann')
})

describe('who is in the lobby again hears so', () => {
  test('although the room was made after the directory had heard of its player last', async () => {
    const { one, two } = await frontNodes(2)
    const ann = await one.signIn('Ann')
    await one.do(ann, { type: 'create', room: 'Den' })
    await one.leave()
    const again = two.resume(one.table.tokenOf(ann))
    await two.pass(200)
    expect(two.heard(again)).toEqual(['welcome', 'unqueued', 'left'])
  })

  test('when its room ended while the link to its node was cut', async () => {
    const { one, two } = await frontNodes(2)
    const ann = await two.signIn('Ann')
    await two.do(ann, { type: 'create', room: 'Den' })
    const passport = two.table.lobby.passportOf(ann.player as Player)
    two.lose(ann)
    two.table.lobby.closeRoom('Den', 'as a test')
    await one.pass(10)
    const again = two.adopt({ passport, frames: [] })
    await two.pass(50)
    expect(two.heard(again)).toEqual(['welcome', 'unqueued', 'left'])
  })

  test('and one that has its seat does not', async () => {
    const { two } = await frontNodes(2)
    const ann = await two.signIn('Ann')
    await two.do(ann, { type: 'create', room: 'Den' })
    const passport = two.table.lobby.passportOf(ann.player as Player)
    two.lose(ann)
    const again = two.table.connection()
    two.front.adopt(again, passport, [], 'lost')
    await two.pass(50)
    expect(two.heard(again)).toEqual(['welcome', 'joined'])
  })
})

describe('a node that drains', () => {
  const roomAt = ({ engine, self }: FrontNode, key: string) => engine.state.findRoom(self, key)?.id

  test('ends a room in which everybody is away: its name is free', async () => {
    const { one, two } = await frontNodes(2)
    const ann = await one.signIn('Ann')
    await one.do(ann, { type: 'create', room: 'Den' })
    one.lose(ann)
    void one.front.moveAway()
    await one.pass(50)
    expect(roomAt(two, 'den')).toBeUndefined()
  })

  test('passes a room on whose players never arrive: its name is free soon', async () => {
    const { one, two, renewAll } = await frontNodes(2)
    const ann = await one.signIn('Ann')
    await one.do(ann, { type: 'create', room: 'Den' })
    void one.front.moveAway()
    await one.pass(50)
    expect(one.moves).toHaveLength(1)
    await renewAll()
    await two.pass(5_000)
    expect(roomAt(two, 'den'), 'they may be on their way').toBe('n2')
    await two.pass(6_000)
    expect(roomAt(two, 'den')).toBeUndefined()
  })

  test('passes a room on whose players arrive: it stays', async () => {
    const { one, two, renewAll } = await frontNodes(2)
    const ann = await one.signIn('Ann')
    await one.do(ann, { type: 'create', room: 'Den' })
    void one.front.moveAway()
    await one.pass(50)
    two.adopt(one.moves[0])
    await renewAll()
    await two.pass(15_000)
    expect(roomAt(two, 'den')).toBe('n2')
  })

  test('passes a room on although the answer of the directory gets lost', async () => {
    const { one, two, renewAll } = await frontNodes(2)
    const ann = await one.signIn('Ann')
    await one.do(ann, { type: 'create', room: 'Den' })
    fail(one, 'passRoom', true)
    const moved = one.front.moveAway().catch(() => false)
    await one.pass(500)
    expect(await moved).toBe(true)
    expect(one.moves).toHaveLength(1)
    two.adopt(one.moves[0])
    await renewAll()
    await two.pass(15_000)
    expect(roomAt(two, 'den')).toBe('n2')
  })

  test('and when it was lost for long: to the same node, if another one is emptier by then', async () => {
    const { one, two, renewAll } = await frontNodes(3)
    const ann = await one.signIn('Ann')
    await one.do(ann, { type: 'create', room: 'Den' })
    fail(one, 'passRoom', true, 3)
    const moved = one.front.moveAway().catch((error) => error)
    await one.pass(1_000)
    expect(await moved).toBeInstanceOf(DirectoryError)
    expect(roomAt(one, 'den')).toBe('n2')
    const load = { players: 9, rooms: 0, matches: 0, isDraining: false }
    one.front.setNodes(one.front.nodes.map((node) => (node.id === 'n2' ? { ...node, load } : node)))
    void one.front.moveAway()
    await one.pass(50)
    expect(one.moves.map(({ to }) => to)).toEqual([two.self])
    two.adopt(one.moves[0])
    await renewAll()
    await two.pass(15_000)
    expect(roomAt(two, 'den')).toBe('n2')
  })

  test.each([
    { what: 'has died', undo: (two: FrontNode) => two.leave() },
    {
      what: 'has given it up',
      undo: (two: FrontNode) => two.engine.state.releaseRoom(two.self, 'den')
    }
  ])('takes a room back whose next node $what, and passes it on again', async ({ what, undo }) => {
    const { one, two, three, renewAll } = await frontNodes(3)
    const ann = await one.signIn('Ann')
    await one.do(ann, { type: 'create', room: 'Den' })
    fail(one, 'passRoom', true, 3)
    void one.front.moveAway().catch(() => {})
    await one.pass(1_000)
    await undo(two)
    await renewAll()
    void one.front.moveAway()
    await one.pass(50)
    expect(roomAt(one, 'den')).toBe('n1')
    void one.front.moveAway()
    await one.pass(50)
    const next = what === 'has died' ? three : two
    expect(one.moves.map(({ to }) => to)).toEqual([next.self])
    expect(roomAt(one, 'den')).toBe(next.self.id)
  })

  test('passes a room on, and the other node hears of it although a renewal gets lost', async () => {
    const { one, two, renewAll } = await frontNodes(2)
    const ann = await one.signIn('Ann')
    await one.do(ann, { type: 'create', room: 'Den' })
    void one.front.moveAway()
    await one.pass(50)
    const load = { players: 0, rooms: 0, matches: 0, isDraining: false }
    void two.directory.renew({ load, knows: 0, dead: [], settled: undefined })
    await two.pass(50)
    for (let times = 0; times < 12; times++) {
      await renewAll()
      await two.pass(1_000)
    }
    expect(roomAt(two, 'den')).toBeUndefined()
  })

  test('passes a room on that ends there: the next one of its name stays', async () => {
    const { one, two, renewAll } = await frontNodes(2)
    const ann = await one.signIn('Ann')
    await one.do(ann, { type: 'create', room: 'Den' })
    void one.front.moveAway()
    await one.pass(50)
    await renewAll()
    const there = two.adopt(one.moves[0])
    await two.pass(50)
    await two.do(there, { type: 'leave' })
    expect(roomAt(two, 'den')).toBeUndefined()
    await two.pass(9_000)
    // It is being made when the players of the first one would have to be there.
    const claim = two.directory.claimRoom.bind(two.directory)
    two.directory.claimRoom = async (room) => {
      const claimed = await claim(room)
      await new Promise<void>((resolve) => two.place.alarm(resolve).set(3_000))
      return claimed
    }
    await two.do(there, { type: 'create', room: 'Den' })
    await two.pass(5_000)
    expect(two.heard(there)).toContain('joined')
    expect(roomAt(two, 'den')).toBe('n2')
  })

  test('sends nobody to a node that it has no link to, and waits for a link', async () => {
    const { one, three } = await frontNodes(3)
    await one.signIn('Ann')
    for (const id of ['n2', 'n3']) one.unlinked.add(id)
    expect(await one.front.moveAway()).toBe(false)
    expect(one.moves).toEqual([])
    one.unlinked.delete('n3')
    expect(await one.front.moveAway()).toBe(true)
    expect(one.moves.map(({ to }) => to)).toEqual([three.self])
  })
})

test('a quick match is not sent to a node that there is no link to', async () => {
  const { one, two } = await frontNodes(2, { quickMatchPlayers: 2, minMatchPlayers: 2 })
  const people = [await one.signIn('Ann'), await one.signIn('Bob')]
  await one.signIn('Cid') // so that it is emptier there
  one.unlinked.add('n2')
  for (const each of people) await one.do(each, { type: 'queue' })
  one.table.passMs(100)
  expect(one.moves).toEqual([])
  expect(one.heard(people[0])).toContain('match-started')
  expect(two.table.lobby.playerCount).toBe(0)
})

test('a room of a quick match is claimed again when the first claim has failed', async () => {
  const { one, renewAll } = await frontNodes(1, { quickMatchPlayers: 2, minMatchPlayers: 2 })
  const people = [await one.signIn('Ann'), await one.signIn('Bob')]
  fail(one, 'claimRoom', false)
  for (const each of people) await one.do(each, { type: 'queue' })
  one.table.passMs(100)
  await one.pass(50)
  const find = () => one.engine.state.findRoom(one.self, keyOf('Quick match 1'))
  expect(find()).toBeUndefined()
  await renewAll()
  expect(find()).toEqual(one.self)
})

/** Whole lists that it reads from now on: all of them, and the most at the same time. */
function lookAtReads({ directory }: FrontNode): { count: number; most: number } {
  const reads = { count: 0, most: 0 }
  let open = 0
  const listings = directory.listings.bind(directory)
  directory.listings = async (node) => {
    reads.count++
    reads.most = Math.max(reads.most, ++open)
    return await listings(node).finally(() => open--)
  }
  return reads
}

test('a directory that has started anew is asked for one list after the other', async () => {
  const { nodes, one, clock } = await frontNodes(6)
  for (const [at, node] of nodes.entries())
    await node.do(await node.signIn(`Host ${at}`), { type: 'create', room: `Den ${at}` })
  await clock.pass(1_000)
  await one.renew()
  const reads = lookAtReads(one)
  one.front.setNodes(one.front.nodes, true)
  await clock.pass(100)
  expect(reads).toEqual({ count: 5, most: 1 })
})

test('a change of a list that is yet to be read whole does not stand for it', async () => {
  const { nodes, one, three, clock } = await frontNodes(3)
  for (const [at, node] of nodes.entries())
    await node.do(await node.signIn(`Host ${at}`), { type: 'create', room: `Den ${at}` })
  await clock.pass(1_000)
  await one.renew()
  fail(one, 'listings', false, 2)
  one.front.setNodes(one.front.nodes, true)
  one.front.events.listings({ node: three.self, seq: 1, changed: [], gone: [] })
  await clock.pass(100)
  const reads = lookAtReads(one)
  one.front.setNodes(one.front.nodes)
  await clock.pass(100)
  expect(reads.count).toBe(2)
})

test('what could not be given up is tried again one by one, however many renewals come', async () => {
  const { one, clock } = await frontNodes(1)
  const release = one.directory.releasePlayer.bind(one.directory)
  one.directory.releasePlayer = async () => {
    throw new DirectoryError('away', 'no answer')
  }
  const ids: string[] = []
  for (const name of ['Ann', 'Bob', 'Cid']) {
    const session = await one.signIn(name)
    ids.push(idOf(session))
    one.table.lobby.end(session.player as Player, one.place.nowMs())
  }
  await clock.pass(100)
  let open = 0
  let most = 0
  one.directory.releasePlayer = async (id) => {
    most = Math.max(most, ++open)
    await release(id).finally(() => open--)
  }
  for (let times = 0; times < 3; times++) one.front.setNodes(one.front.nodes)
  await clock.pass(100)
  expect(most).toBe(1)
  for (const id of ids) expect(isOwned(one, id)).toBeUndefined()
})

test('a change that comes later than a renewal says is no gap; one that never comes is', async () => {
  const { one, two, clock } = await frontNodes(2)
  await two.do(await two.signIn('Host'), { type: 'create', room: 'Den' })
  await clock.pass(1_000)
  await one.renew()
  const reads = lookAtReads(one)
  const ahead = one.front.nodes.map((node) => {
    return { ...node, listingSeq: node.listingSeq + (node.id === 'n2' ? 1 : 0) }
  })
  one.front.setNodes(ahead)
  await clock.pass(100)
  expect(reads.count).toBe(0)
  one.front.setNodes(ahead)
  await clock.pass(100)
  expect(reads.count).toBe(1)
})

describe('a node that drains', () => {
  test('passes a room on when all who are on their way to it are there', async () => {
    const { one, two } = await frontNodes(3, { quickMatchPlayers: 2, minMatchPlayers: 2 })
    const people = [await one.signIn('Ann'), await one.signIn('Bob')]
    await one.signIn('Cid') // so that it is emptier at the second node
    for (const each of people) await one.do(each, { type: 'queue' })
    one.table.passMs(100)
    expect(one.moves.map(({ to }) => to)).toEqual([two.self, two.self])
    two.table.lobby.drain(60_000, two.table.nowMs)
    two.adopt(one.moves[0])
    await two.pass(20)
    void two.front.moveAway()
    await two.pass(50)
    expect(two.moves).toEqual([])
    const bob = two.adopt(one.moves[1])
    await two.pass(50)
    expect(two.heard(bob)).not.toContain('left')
    void two.front.moveAway()
    await two.pass(50)
    expect(two.moves.map(({ passport }) => passport?.seat?.room.expected.length)).toEqual([2, 2])
  })

  test('waits no longer for one who never comes', async () => {
    const { one, two } = await frontNodes(3, { quickMatchPlayers: 2, minMatchPlayers: 2 })
    const people = [await one.signIn('Ann'), await one.signIn('Bob')]
    await one.signIn('Cid')
    for (const each of people) await one.do(each, { type: 'queue' })
    one.table.passMs(100)
    two.table.lobby.drain(60_000, two.table.nowMs)
    two.adopt(one.moves[0])
    await two.pass(5_100)
    two.table.passMs(0)
    void two.front.moveAway()
    await two.pass(50)
    expect(two.moves).toHaveLength(1)
  })

  test('sends its idle players away although no room can be passed on', async () => {
    const { one } = await frontNodes(2)
    const ann = await one.signIn('Ann')
    await one.do(ann, { type: 'create', room: 'Den' })
    const bob = await one.signIn('Bob')
    fail(one, 'passRoom', false, 3)
    one.front.moveAway().catch(() => {})
    await one.pass(1_000)
    expect(one.moves.map(({ session }) => session)).toEqual([bob])
  })

  test('settles where a room is although nobody takes its players any more', async () => {
    const { one, two, renewAll } = await frontNodes(2)
    const ann = await one.signIn('Ann')
    await one.do(ann, { type: 'create', room: 'Den' })
    fail(one, 'passRoom', false, 3)
    one.front.moveAway().catch(() => {})
    await one.pass(1_000)
    expect(one.front.isPassing).toBe(true)
    await one.signIn('Bob') // idle
    await two.leave()
    await renewAll()
    const moved = one.front.moveAway()
    await one.pass(5_000)
    expect(await moved).toBe(true)
    expect(one.front.isPassing).toBe(false)
  })
})
