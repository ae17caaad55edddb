// Each rule of lease.ts, on clocks that the test moves: two clocks may differ by any amount.
import { expect, test } from 'vitest'
import type { NodeInfo, Renewal } from '../cluster/directory.ts'
import { Lease } from '../cluster/lease.ts'

const LEASE_MS = 4_000
const OUTAGE_MS = 60_000
const load = { players: 0, rooms: 0, matches: 0, isDraining: false }

/** One node with a monotonic clock of its own, and what the directory says to it. */
class Node {
  readonly lease: Lease
  readonly epoch: number
  nowMs: number

  constructor(epoch: number, nowMs = 1_000_000 * epoch) {
    this.epoch = epoch
    this.nowMs = nowMs
    this.lease = new Lease({ id: `n${epoch}`, epoch }, { leaseMs: LEASE_MS, outageMs: OUTAGE_MS })
  }

  /** A renewal that takes no time, in a list with these. */
  renew(others: readonly NodeInfo[], more: Partial<Renewal> = {}): void {
    this.lease.renewed(renewal([info(this.epoch), ...others], more), this.nowMs, this.nowMs)
  }

  /** Renews every second, for so long. */
  renewFor(ms: number, others: readonly NodeInfo[], more: Partial<Renewal> = {}): void {
    for (let passed = 0; passed <= ms; passed += 1_000) {
      if (passed > 0) this.nowMs += 1_000
      this.renew(others, more)
    }
  }

  get maySpeak(): boolean {
    return this.lease.maySpeak(this.nowMs)
  }

  get dead(): number[] {
    return this.lease.request(this.nowMs).dead.map(({ epoch }) => epoch)
  }

  hears(epoch: number, hasDirectory: boolean, askedMs = this.nowMs): void {
    this.lease.heard({ node: { id: `n${epoch}`, epoch }, hasDirectory, askedMs }, this.nowMs)
  }
}

function info(epoch: number, more: Partial<NodeInfo> = {}): NodeInfo {
  const address = `10.0.0.${epoch}:7000`
  return {
    id: `n${epoch}`,
    epoch,
    address,
    operatorAddress: address,
    load,
    listingSeq: 0,
    beat: 1,
    member: epoch,
    knows: 9,
    ...more
  }
}

function renewal(nodes: readonly NodeInfo[], more: Partial<Renewal> = {}): Renewal {
  return {
    nodes,
    generation: 'one',
    isSettled: true,
    mustRegister: false,
    secret: Buffer.alloc(0),
    wanted: [],
    passed: [],
    ...more
  }
}

test('a renewal is good for a lease from before it was sent, however late its answer comes', () => {
  const node = new Node(1)
  expect(node.maySpeak, 'before the first one').toBe(false)
  const sentMs = node.nowMs
  node.lease.renewed(renewal([info(1), info(2)]), sentMs, sentMs + 3_000)
  node.nowMs = sentMs + LEASE_MS - 1
  expect(node.maySpeak).toBe(true)
  node.nowMs = sentMs + LEASE_MS
  expect(node.maySpeak).toBe(false)
  node.lease.renewed(renewal([info(1), info(2)]), sentMs, node.nowMs)
  expect(node.maySpeak, 'an answer after the lease').toBe(false)
})

test('a stopped process that wakes up after its lease does not speak', () => {
  const node = new Node(1)
  node.renewFor(10_000, [info(2)])
  expect(node.maySpeak).toBe(true)
  node.nowMs += LEASE_MS + 30_000
  expect(node.maySpeak).toBe(false)
  expect(node.dead, 'nor does it declare anybody dead').toEqual([])
  node.hears(2, false)
  expect(node.maySpeak, 'what others say now comes too late').toBe(false)
})

test('an epoch that is over speaks no more, whatever its lease says', () => {
  const node = new Node(1)
  node.renew([])
  node.lease.end()
  expect(node.maySpeak).toBe(false)
  expect(node.lease.hasDirectory(node.nowMs)).toBe(false)
})

test('a node is dead after a lease without a beat, and not before', () => {
  const node = new Node(1)
  node.renewFor(LEASE_MS - 1_000, [info(2)])
  expect(node.dead).toEqual([])
  node.renewFor(1_000, [info(2)])
  expect(node.dead).toEqual([2])
  node.renew([info(2, { beat: 2 })])
  expect(node.dead, 'it has renewed').toEqual([])
  node.renewFor(LEASE_MS, [info(2, { beat: 2 })])
  expect(node.dead).toEqual([2])
})

test('who had no lease for a while waits for a whole one before it declares anybody dead', () => {
  const node = new Node(1)
  node.renewFor(LEASE_MS, [info(2)])
  node.nowMs += LEASE_MS + 1_000 // the directory was away
  node.renew([info(2)])
  expect(node.dead).toEqual([])
  node.renewFor(LEASE_MS - 1_000, [info(2)])
  expect(node.dead).toEqual([])
  node.renewFor(1_000, [info(2)])
  expect(node.dead).toEqual([2])
})

test('a node that may not know this one is dead only after the outage it may sit out', () => {
  const node = new Node(3)
  const stranger = info(2, { knows: 2 })
  node.renewFor(LEASE_MS + OUTAGE_MS - 1_000, [stranger])
  expect(node.dead).toEqual([])
  node.renewFor(1_000, [stranger])
  expect(node.dead).toEqual([2])
})

test('a renewal that fails, or takes long, is a gap: nothing that was seen before it counts', () => {
  const node = new Node(1)
  node.renewFor(LEASE_MS, [info(2)])
  expect(node.dead).toEqual([2])
  node.lease.failed()
  expect(node.lease.hasDirectory(node.nowMs)).toBe(false)
  expect(node.maySpeak).toBe(true)
  expect(node.dead).toEqual([])
  node.renewFor(LEASE_MS - 1_000, [info(2)])
  expect(node.dead).toEqual([])
  node.renewFor(1_000, [info(2)])
  expect(node.dead).toEqual([2])
  node.nowMs += LEASE_MS / 2
  node.renew([info(2)])
  expect(node.dead).toEqual([])
})

test('when the directory goes away for all, all say so before the lease of any of them ends', () => {
  const nodes = [1, 2, 3].map((epoch) => new Node(epoch))
  const others = (node: Node) => nodes.filter((other) => other !== node)
  // The last renewals were spread over the time between two of a node.
  nodes.forEach((node, at) => {
    node.renewFor(
      LEASE_MS,
      others(node).map(({ epoch }) => info(epoch))
    )
    node.nowMs += LEASE_MS / 4 - (at * LEASE_MS) / 12
  })
  for (let passed = 0; passed < OUTAGE_MS; passed += LEASE_MS / 4) {
    for (const node of nodes)
      for (const other of others(node))
        node.hears(other.epoch, other.lease.hasDirectory(other.nowMs))
    for (const node of nodes) {
      expect(node.maySpeak, `node ${node.epoch} after ${passed} ms`).toBe(true)
      node.nowMs += LEASE_MS / 4
    }
  }
})

test('a generation has settled after a lease in it, and a new one starts from the beginning', () => {
  const node = new Node(1)
  const settled = () => node.lease.request(node.nowMs).settled
  node.renewFor(LEASE_MS - 1_000, [])
  expect(settled()).toBeUndefined()
  node.renewFor(1_000, [])
  expect(settled()).toBe('one')
  node.renewFor(LEASE_MS - 1_000, [info(2)], { generation: 'two' })
  expect(settled()).toBeUndefined()
  expect(node.dead, 'what was seen in another generation does not count').toEqual([])
  node.renewFor(1_000, [info(2)], { generation: 'two' })
  expect(settled()).toBe('two')
})

test('an answer that asks to register renews nothing', () => {
  const node = new Node(1)
  node.renew([info(2)])
  node.nowMs += LEASE_MS - 1
  node.renew([info(2)], { generation: 'two', mustRegister: true })
  node.nowMs += 1
  expect(node.maySpeak).toBe(false)
})

test('without a directory for anybody, games go on as long as everybody says so in time', () => {
  const node = new Node(1)
  node.renew([info(2), info(3)])
  const endsMs = node.nowMs + LEASE_MS
  while (node.nowMs < endsMs + OUTAGE_MS - 1_000) {
    node.nowMs += 1_000
    node.hears(2, false, node.nowMs - 100)
    node.hears(3, false, node.nowMs - 100)
    expect(node.maySpeak).toBe(true)
  }
  node.nowMs += 1_000
  expect(node.maySpeak, 'only for so long').toBe(false)
})

test('one node that has the directory, or says nothing, ends the speech of those without', () => {
  const node = new Node(1)
  node.renew([info(2), info(3)])
  node.nowMs += LEASE_MS - 1
  node.hears(2, false)
  node.hears(3, true)
  node.nowMs += 1
  expect(node.maySpeak).toBe(false)
  node.hears(3, false)
  expect(node.maySpeak, 'after a gap it may have declared this one dead').toBe(false)
  node.renew([info(2), info(3)])
  expect(node.maySpeak).toBe(true)
})

test('a statement counts from before it was asked for, and only of nodes of the last list', () => {
  const node = new Node(1)
  node.renew([info(2)])
  node.nowMs += LEASE_MS - 1
  node.hears(2, false, node.nowMs - LEASE_MS + 2)
  node.hears(7, true)
  node.nowMs += 1
  expect(node.maySpeak).toBe(true)
  node.nowMs += 1
  expect(node.maySpeak).toBe(false)
})

test('a node alone goes on without a directory: one that joins later waits for that', () => {
  const node = new Node(1)
  node.renew([])
  node.nowMs += LEASE_MS + OUTAGE_MS - 1
  expect(node.maySpeak).toBe(true)
  node.nowMs += 1
  expect(node.maySpeak).toBe(false)
})

/**
 * Three nodes whose directory and links come and go at random: whenever one declares another dead,
 * that one does not speak any more, then and for ever in that epoch.
 */
test.each(Array.from({ length: 200 }, (_, seed) => seed))(
  'nobody that is declared dead speaks (seed %i)',
  (seed) => {
    let state = seed * 2_654_435_761 + 1
    const chance = (of: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
      return (state >>> 8) % of === 0
    }
    const nodes = [1, 2, 3].map((epoch) => new Node(epoch))
    const entries = new Map(nodes.map(({ epoch }) => [epoch, { beat: 1, knows: 0 }]))
    const reaches = new Map(nodes.map(({ epoch }) => [epoch, true]))
    const linked = new Map([
      ['1 2', true],
      ['1 3', true],
      ['2 3', true]
    ])
    const dead = new Set<number>()
    /** Requests on their way, which may take longer than anything else. */
    const late: { atStep: number; beats: readonly { epoch: number; beat: number }[] }[] = []
    const bury = (beats: readonly { epoch: number; beat: number }[]) => {
      for (const { epoch, beat } of beats)
        if (entries.get(epoch)?.beat === beat) {
          entries.delete(epoch)
          dead.add(epoch)
        }
    }
    for (let step = 0; step < 800; step++) {
      if (chance(40)) {
        const all = chance(3)
        for (const { epoch } of nodes) if (all || chance(2)) reaches.set(epoch, chance(2))
      }
      if (chance(60)) for (const pair of linked.keys()) linked.set(pair, chance(2))
      for (const node of nodes) {
        node.nowMs += 250
        if (step % 4 !== node.epoch || !reaches.get(node.epoch) || dead.has(node.epoch)) continue
        const request = node.lease.request(node.nowMs)
        for (const { beats } of late.filter(({ atStep }) => atStep <= step).splice(0)) bury(beats)
        if (chance(20)) {
          late.push({ atStep: step + 30, beats: request.dead })
          node.lease.failed()
          continue
        }
        const own = entries.get(node.epoch) as { beat: number; knows: number }
        own.beat++
        own.knows = request.knows
        bury(request.dead)
        const list = [...entries].map(([epoch, entry]) => info(epoch, entry))
        node.lease.renewed(renewal(list), node.nowMs, node.nowMs)
      }
      for (const node of nodes)
        for (const other of nodes) {
          const pair = `${Math.min(node.epoch, other.epoch)} ${Math.max(node.epoch, other.epoch)}`
          if (node !== other && linked.get(pair))
            node.hears(other.epoch, other.lease.hasDirectory(other.nowMs), node.nowMs)
        }
      for (const node of nodes)
        if (dead.has(node.epoch)) expect(node.maySpeak, `node ${node.epoch}`).toBe(false)
    }
  }
)
