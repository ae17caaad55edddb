// The links between the nodes of a cluster, over loopback: who gets in, what is bounded, and how
// they come back.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Handshake } from '../cluster/handshake.ts'
import { decodeCall, encodeCall, type LinkCall, writeCall } from '../cluster/link-calls.ts'
import type { Statement } from '../cluster/node-link.ts'
import { hostAndPort } from '../cluster/node-links.ts'
import { system } from '../place.ts'
import { encode } from '../wire/protocol.ts'
import { ModelDirectory, ModelNode, type ModelOptions } from './model-nodes.ts'
import { until } from './person.ts'

const SECRET = Buffer.alloc(32, 5)

function openNode(directory: ModelDirectory, id: string, options?: ModelOptions): ModelNode {
  const node = new ModelNode(directory, id, options)
  onTestFinished(async () => {
    node.links.close()
    await node.ended
  })
  return node
}

async function openNodes(ids: readonly string[], options?: ModelOptions): Promise<ModelNode[]> {
  const directory = new ModelDirectory()
  const nodes = ids.map((id) => openNode(directory, id, options))
  directory.renew()
  await until('all are linked', () =>
    nodes.every((one) => nodes.every((other) => one === other || one.isLinkedTo(other)))
  )
  return nodes
}

/** A peer on Node's own `net`, which can do the handshake. */
class RawPeer {
  readonly socket: Socket
  isClosed = false
  #got = Buffer.alloc(0)

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1' })
    this.socket.on('data', (data) => {
      this.#got = Buffer.concat([this.#got, data])
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.isClosed = true
    })
    onTestFinished(() => void this.socket.destroy())
  }

  send(payload: Buffer): void {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(payload.length)
    this.socket.write(Buffer.concat([length, payload]))
  }

  /** The next frame; undefined when the connection ends before. */
  async next(): Promise<Buffer | undefined> {
    const isWhole = () => this.#got.length >= 4 && this.#got.length >= 4 + this.#got.readUInt32BE(0)
    await until('a frame', () => isWhole() || this.isClosed)
    if (!isWhole()) return undefined
    const end = 4 + this.#got.readUInt32BE(0)
    const frame = this.#got.subarray(4, end)
    this.#got = this.#got.subarray(end)
    return frame
  }

  /** Returns what was sent as proof. */
  async shakeHands(from: ModelNode['self'], to: ModelNode['self'], secret = SECRET) {
    const handshake = new Handshake(secret, system.randomBytes)
    const challenge = (await this.next()) as Buffer
    const answer = handshake.answer(challenge, { from, to }) as Buffer
    this.send(answer)
    const confirmation = await this.next()
    const isConfirmed =
      confirmation !== undefined && handshake.isConfirmed(challenge, answer, confirmation)
    return { answer, isConfirmed }
  }

  async closed(): Promise<void> {
    await until('it is closed', () => this.isClosed)
  }
}

describe('who gets in', () => {
  test('every two of four nodes have one link, which the younger one has dialled', async () => {
    const nodes = await openNodes(['one', 'two', 'three', 'four'])
    expect(nodes.map(({ links }) => links.all.length)).toEqual([3, 3, 3, 3])
    for (const { links, self } of nodes) {
      const ids = links.all.map(({ node }) => node.id).sort()
      expect(ids).toEqual(
        nodes
          .map((node) => node.self.id)
          .filter((id) => id !== self.id)
          .sort()
      )
    }
  })

  test('a node with another secret stays out, and so does one that it dials', async () => {
    const directory = new ModelDirectory()
    const [one] = [openNode(directory, 'one')]
    const other = openNode(directory, 'other', { secret: Buffer.alloc(32, 6) })
    directory.renew()
    await until(
      'it was refused, and tried again',
      () => (one.links.figures.refusals.secret ?? 0) > 1
    )
    expect(one.links.all).toEqual([])
    expect(other.links.all).toEqual([])
  })

  test('a proof counts for these two lives alone: an older one, an unknown one and another one do not', async () => {
    const [one, two] = await openNodes(['one', 'two'])
    const later = { id: 'three', epoch: 100 }
    const tries: [from: ModelNode['self'], to: ModelNode['self'], isWelcome: boolean][] = [
      [{ id: 'two', epoch: one.self.epoch - 1 }, one.self, false],
      [{ id: 'lost', epoch: two.self.epoch }, one.self, false], // it would be in the list
      [later, { ...one.self, epoch: one.self.epoch + 1 }, false],
      [later, two.self, false],
      [{ id: 'one', epoch: 100 }, one.self, false],
      [later, one.self, true] // has joined a moment ago
    ]
    for (const [from, to, isWelcome] of tries) {
      const peer = new RawPeer(one.links.port)
      expect((await peer.shakeHands(from, to)).isConfirmed, JSON.stringify(from)).toBe(isWelcome)
    }
    expect(one.links.figures.refusals.stale).toBe(5)
    expect(one.isLinkedTo(two)).toBe(true)
  })

  test('a newcomer that the directory does not list within a lease is sent away', async () => {
    const [one] = await openNodes(['one', 'two'])
    const peer = new RawPeer(one.links.port)
    const { isConfirmed } = await peer.shakeHands({ id: 'three', epoch: 100 }, one.self)
    expect(isConfirmed).toBe(true)
    one.directory.renew()
    expect(one.links.all).toHaveLength(2)
    await until('it has had its time', () => {
      one.directory.renew()
      return one.links.all.length === 1
    })
    await peer.closed()
  })

  test('a proof that was heard once is worth nothing on another connection', async () => {
    const [one] = await openNodes(['one', 'two'])
    const three = { id: 'three', epoch: 100 }
    const { answer, isConfirmed } = await new RawPeer(one.links.port).shakeHands(three, one.self)
    expect(isConfirmed).toBe(true)
    const replay = new RawPeer(one.links.port)
    await replay.next()
    replay.send(answer)
    expect(await replay.next()).toBeUndefined()
    expect(one.links.figures.refusals.secret).toBe(1)
  })

  test('the node that is dialled proves itself, too', async () => {
    const [one] = [openNode(new ModelDirectory(), 'one')]
    const handshake = new Handshake(Buffer.alloc(32, 9), system.randomBytes)
    let proofs = 0
    const impostor = createServer((socket) => {
      const length = Buffer.alloc(4)
      const send = (payload: Buffer) => {
        length.writeUInt32BE(payload.length)
        socket.write(Buffer.concat([length, payload]))
      }
      const challenge = handshake.challenge()
      send(challenge)
      socket.on('error', () => {})
      socket.once('data', (data) => {
        proofs++
        send(handshake.confirmation(challenge, data.subarray(4)))
      })
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void impostor.close())
    await once(impostor, 'listening')
    const { port } = impostor.address() as { port: number }
    one.links.setNodes([one.listed, { id: 'older', epoch: 0, address: `127.0.0.1:${port}` }])
    await until('it was tried twice', () => proofs > 1)
    expect(one.links.all).toEqual([])
    expect(one.links.figures.refusals.secret).toBeGreaterThan(0)
  })
})

describe('strangers', () => {
  const nonsense: Record<string, Buffer> = {
    'a request for a page': Buffer.from('GET / HTTP/1.1\r\nHost: here\r\n\r\n'),
    'a length of 4 GB': Buffer.from([255, 255, 255, 255, 1]),
    'an answer without a proof': Buffer.from([0, 0, 0, 1, 1]),
    'an empty answer': Buffer.from([0, 0, 0, 0]),
    'more than a handshake has': Buffer.concat([Buffer.from([0, 0, 4, 0]), Buffer.alloc(800)]),
    'random bytes': Buffer.concat([Buffer.from([0, 0, 0, 100]), system.randomBytes(100)])
  }
  test.each(Object.entries(nonsense))(
    '%s ends the connection, and nothing else',
    async (_, bytes) => {
      const [one, two] = await openNodes(['one', 'two'])
      const peer = new RawPeer(one.links.port)
      await peer.next()
      peer.socket.write(bytes)
      await peer.closed()
      expect(one.isLinkedTo(two)).toBe(true)
    }
  )

  test('a flood of connections that say nothing keeps no honest node out', async () => {
    const directory = new ModelDirectory()
    const one = openNode(directory, 'one')
    const flood = Array.from({ length: 300 }, () => new RawPeer(one.links.port))
    await until('most are cut', () => flood.filter(({ isClosed }) => isClosed).length >= 300 - 64)
    expect(one.links.figures.refusals.flood).toBeGreaterThanOrEqual(300 - 64)
    const two = openNode(directory, 'two')
    directory.renew()
    await until('it is in', () => one.isLinkedTo(two))
    await until('all others are out, late', () => flood.every(({ isClosed }) => isClosed))
    expect(one.isLinkedTo(two)).toBe(true)
  })

  test('a node of the cluster that sends nonsense loses its link, and the process goes on', async () => {
    const [one, two] = await openNodes(['one', 'two'])
    for (const [at, call] of [
      Buffer.from([9]),
      Buffer.from([2, 255, 255, 255, 255]),
      Buffer.from([2, 0, 0, 0, 0, 0, 9, 65]), // a frame with a wrong length
      Buffer.from([3, 0, 0, 0, 0, 200, 65]),
      Buffer.concat([Buffer.from([0, 0, 0, 0, 20]), Buffer.from('["constructor"]     ')]),
      Buffer.concat([Buffer.from([0, 0, 0, 0, 7]), Buffer.from('[[1,2]]')]),
      Buffer.concat([Buffer.from([0, 0, 0, 0, 9]), Buffer.from('["adopt"]')]),
      Buffer.concat([Buffer.from([0, 0, 0, 0, 9]), Buffer.from('{"a": 1 }')]),
      encodeCall(['moved', 1]).subarray(4), // nothing had moved
      Buffer.alloc(0)
    ].entries()) {
      const peer = new RawPeer(one.links.port)
      const { isConfirmed } = await peer.shakeHands({ id: 'three', epoch: 100 + at }, one.self)
      expect(isConfirmed, String(at)).toBe(true)
      peer.send(call)
      await peer.closed()
    }
    expect(one.links.figures.refusals.garbage).toBe(10)
    expect(one.isLinkedTo(two)).toBe(true)
  })
})

describe('calls', () => {
  const passport = {
    id: 'a1',
    name: 'Ann',
    account: 'b2',
    serial: 3,
    hasToken: true,
    muted: ['x'],
    said: [],
    moves: 4,
    later: { version: 'has more' }
  }
  const frame = encode({ type: 'pong', id: 7 })
  const calls: LinkCall[] = [
    ['adopt', 1, '192.0.2.1', passport, [Buffer.from('one'), Buffer.from(''), Buffer.from('two')]],
    ['adopt', 4_294_967_295, '', undefined, []],
    ['lose', 2],
    ['leave', 2, 'flood'],
    ['moved', 3],
    ['dismiss', 4, frame],
    ['move', 5, { id: 'two', epoch: 9 }, passport, []],
    ['passport', 6, undefined],
    ['late', 7, Buffer.from('{}')],
    ['moveEnds', 8],
    ['ping', 9, true],
    ['pong', 9, false],
    ['request', 10, { type: 'figures' }],
    ['answer', 10, { a: [1] }, undefined],
    ['answer', 10, undefined, 'no'],
    ['ends']
  ]
  test('in JSON come out as they went in', () => {
    for (const call of calls) expect(decodeCall(encodeCall(call).subarray(4))).toEqual(call)
  })

  test('of players come out as they went in', () => {
    const own: LinkCall[] = [
      ['receive', 1, Buffer.from('{"type":"ping"}')],
      ['receive', 1, Buffer.alloc(0)],
      ['input', 4_294_967_295, 2, 3, Buffer.from([1, 2])],
      ['deliver', [1, 2, 3], frame],
      ['deliver', [], frame],
      ['deliverState', [1, 4_294_967_295], 'coin-arena', Buffer.from([5])]
    ]
    for (const call of own) {
      const into = Buffer.alloc(100, 0xee)
      const length = writeCall(call, into, 10)
      expect(into.readUInt32BE(10)).toBe(length - 4)
      expect(decodeCall(into.subarray(14, 10 + length))).toEqual(call)
    }
  })

  test('whatever is cut off or changed is refused or read, and nothing else is thrown', () => {
    for (const call of calls) {
      const bytes = encodeCall(call).subarray(4)
      for (let at = 0; at < 5 * bytes.length; at++) {
        const broken = Buffer.from(bytes.subarray(0, at < bytes.length ? at : undefined))
        if (at >= bytes.length) broken[at % bytes.length] = [0, 1, 0x22, 0xff][at & 3]
        try {
          decodeCall(broken)
        } catch (error) {
          expect((error as { code?: string }).code).toBe('ERR_LINK_CALL')
        }
      }
    }
  })

  test('an address of a node has a host and a port', () => {
    expect(hostAndPort('node-1.lobby:5970')).toEqual({ host: 'node-1.lobby', port: 5970 })
    expect(hostAndPort('[2001:db8::1]:1')).toEqual({ host: '2001:db8::1', port: 1 })
    for (const wrong of ['', 'host', ':1', '2001:db8::1:1', 'host:99999', 'host:x'])
      expect(() => hostAndPort(wrong), wrong).toThrow(TypeError)
  })
})

describe('an open link', () => {
  test('says whether the other one has a directory, as of a time before it was asked', async () => {
    const [one, two] = await openNodes(['one', 'two'])
    await until('it has said so', () => one.statements.at(-1)?.hasDirectory === true)
    two.hasDirectory = false
    const beforeMs = performance.now()
    await until('it says otherwise', () => one.statements.at(-1)?.hasDirectory === false)
    const { node, askedMs } = one.statements.at(-1) as Statement
    expect(node).toEqual(two.self)
    expect(askedMs).toBeGreaterThan(beforeMs - 1)
    expect(askedMs).toBeLessThan(performance.now())
  })

  test('carries requests and their answers, and a refusal with its words', async () => {
    const [one, two] = await openNodes(['one', 'two'])
    const answer = await one.links.request(two.self, { type: 'figures' }, 5_000)
    expect(answer).toEqual({ from: one.self, body: { type: 'figures' } })
    await expect(one.links.request(two.self, { refuse: true }, 5_000)).rejects.toThrow('not here')
    const nobody = { id: 'two', epoch: 0 }
    await expect(one.links.request(nobody, {}, 5_000)).rejects.toThrow('no link')
    await expect(one.links.request(two.self, { wait: 1 }, 1)).rejects.toThrow('in time')
    const waits = one.links.request(two.self, { wait: 1 }, 60_000)
    two.links.close()
    await expect(waits).rejects.toMatchObject({ code: 'ERR_NODE_REQUEST' })
  })

  test('comes back when it breaks, and when the other node was away for a while', async () => {
    const directory = new ModelDirectory()
    const one = openNode(directory, 'one')
    const two = openNode(directory, 'two')
    directory.renew()
    await until('linked', () => one.isLinkedTo(two))
    const before = one.links.get(two.self)
    // Another connection of the same life takes the place of the first
    const peer = new RawPeer(one.links.port)
    expect((await peer.shakeHands(two.self, one.self)).isConfirmed).toBe(true)
    peer.socket.destroy()
    await until('again', () => one.isLinkedTo(two) && one.links.get(two.self) !== before)
    const { port } = two.links
    two.links.close()
    await two.ended
    expect(one.links.all).toEqual([])
    const again = openNode(directory, 'two', { port })
    directory.renew()
    await until('the new life is linked', () => one.isLinkedTo(again))
  })

  test('is not made to a node that is about to end, and those that are there stay', async () => {
    const [one, two, three] = await openNodes(['one', 'two', 'three'])
    const { port } = one.links
    one.links.rest()
    // By nonsense, upon which it is cut; the younger one dials again
    one.links.get(two.self)?.send(['moved', 4_000_000])
    await until('it is gone', () => !two.isLinkedTo(one))
    const peer = new RawPeer(port)
    await peer.closed()
    await new Promise((resolve) => setTimeout(resolve, 300)) // its first tries
    expect(two.isLinkedTo(one)).toBe(false)
    expect(three.isLinkedTo(one)).toBe(true)
  })

  test('ends for good with the life of its node, and when the directory does not list it', async () => {
    const [one, two, three] = await openNodes(['one', 'two', 'three'])
    const self = { id: 'two', epoch: one.directory.epoch }
    Object.assign(two, { self })
    two.links.setSelf(self, SECRET)
    one.directory.renew()
    await until(
      'the new life is linked to both',
      () => two.isLinkedTo(one) && two.isLinkedTo(three)
    )
    three.leaveList()
    one.directory.renew()
    await until('it is gone', () => one.links.all.length === 1 && three.links.all.length === 0)
    expect(one.links.all[0].node).toEqual(self)
  })

  test('is cut when its node says nothing for a lease, and has a bound until then: states are left out first', async () => {
    const limits = { manyQueuedBytes: 100_000, maxQueuedBytes: 1_000_000 }
    const [one] = await openNodes(['one'], { limits, leaseMs: 3_000 })
    const three = { id: 'three', epoch: 100 }
    const peer = new RawPeer(one.links.port)
    expect((await peer.shakeHands(three, one.self)).isConfirmed).toBe(true)
    peer.socket.pause()
    const link = one.links.get(three)
    if (link === undefined) throw new Error('no link')
    const state = Buffer.alloc(60_000)
    let sent = 0
    await until('states are left out', () => {
      for (let count = 0; count < 20; count++) link.send(['deliverState', [1], 'model', state])
      sent += 20
      return link.figures.droppedStates > 100
    })
    expect(link.figures.queuedBytes).toBeLessThan(300_000)
    expect(sent).toBeGreaterThan(100)
    const frame = encode({ type: 'announcement', to: 'all', text: 'x'.repeat(50_000) })
    for (let count = 0; count < 100 && link.isOpen; count++) link.send(['deliver', [1], frame])
    expect(link.isOpen, 'it was cut').toBe(false)
    expect(one.links.all).toEqual([])
    const silent = new RawPeer(one.links.port)
    expect((await silent.shakeHands({ ...three, epoch: 101 }, one.self)).isConfirmed).toBe(true)
    await silent.closed()
  })
})
