// Memory of the program's may be transferred, resized or written by other threads before, during
// and after each call that was given it: what was sent is what it was, what is received is never
// another's, and the poller lives.
import { once } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { markAsUntransferable, Worker } from 'node:worker_threads'
import { Iocp, type Socket, WOULD_BLOCK } from 'pollport'
import { describe, expect, onTestFinished, test } from 'vitest'
import { bindPeer } from '../support/dgram-peer.ts'
import { acceptedPair, acceptPeer } from '../support/net-peer.ts'
import { openProbe, ownPair } from '../support/poller-probe.ts'
import { patternBytes } from '../support/poller-random.ts'
import { closing, codeOf, eventually, LOCAL, rawPair, rawUdp } from '../support/raw-pair.ts'
import { isWindows } from '../support/system.ts'

type Bytes = Uint8Array<ArrayBuffer>

/** Bytes of a buffer of their own, `offset` behind its start. */
function own(length: number, offset = 0): Bytes {
  const view = new Uint8Array(new ArrayBuffer(length + offset)).subarray(offset)
  view.set(patternBytes(length))
  return view
}

const detach = (bytes: Uint8Array) =>
  void structuredClone(null, { transfer: [bytes.buffer as ArrayBuffer] })

const takenAway: Record<string, (bytes: Bytes) => void> = {
  'transferred by structuredClone': detach,
  'posted to another thread': (bytes) => {
    const { port1, port2 } = new MessageChannel()
    port1.postMessage(bytes, [bytes.buffer])
    port2.close()
  },
  overwritten: (bytes) => void bytes.fill(0xee)
}

describe.each(Object.entries(takenAway))(
  'bytes that are %s after the call that was given them',
  (_, take) => {
    test.each([
      ['a small message', 100, 0],
      ['one with an offset', 100, 37],
      ['one that goes by a call of its own', 20_000, 5],
      ['one past the outbox', 100_000, 0],
      ['one that the system does not take whole', 12_000_000, 0]
    ])('send: %s arrives as it was', async (_, length, offset) => {
      const probe = openProbe({ highWaterMarkBytes: 64 * 1024 * 1024 })
      const { connection, peer } = await acceptedPair(probe)
      const bytes = own(length, offset)
      const expected = Buffer.from(bytes)
      connection.send(bytes)
      take(bytes)
      await probe.until('it is there', () => peer.receivedBytes === length)
      expect(peer.received.equals(expected)).toBe(true)
    })

    test('send behind a queue, and before the connection is made: both arrive as they were', async () => {
      const probe = openProbe({ highWaterMarkBytes: 64 * 1024 * 1024 })
      const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
      const far = probe.poller.connectTcp(listener.localAddress)
      const pieces = [200, 50_000, 9_000_000, 300].map((length) => own(length))
      const expected = Buffer.concat(pieces)
      for (const piece of pieces) {
        far.send(piece)
        take(piece)
      }
      const { socket: near } = await probe.first('accept')
      await probe.until('all is there', () => near.bytesReceived === expected.length)
      expect(probe.bytesOf(near).equals(expected)).toBe(true)
    })

    test('broadcast, to connections with a queue and without: it arrives as it was', async () => {
      const probe = openProbe({ highWaterMarkBytes: 64 * 1024 * 1024 })
      const { listener, connection: idle, peer: first } = await acceptedPair(probe)
      const { connection: busy, peer: second } = await acceptPeer(probe, listener, { paused: true })
      const before = patternBytes(12_000_000, 2)
      busy.send(before)
      const bytes = own(1000)
      const expected = Buffer.from(bytes)
      expect(probe.poller.broadcast([idle, busy], bytes)).toBe(2)
      take(bytes)
      second.readOn()
      await probe.until('both have it', () => {
        return first.receivedBytes === 1000 && second.receivedBytes === before.length + 1000
      })
      expect(first.received.equals(expected)).toBe(true)
      expect(second.received.subarray(before.length).equals(expected)).toBe(true)
    })

    test('datagrams and raw sends arrive as they were', async () => {
      const probe = openProbe()
      const peer = await bindPeer()
      const udp = probe.poller.bindUdp({ address: LOCAL, port: 0 })
      const raw = rawUdp()
      const pair = rawPair()
      const bytes = [own(900), own(900, 3), own(900)]
      const expected = Buffer.from(bytes[0])
      const to = { address: LOCAL, port: peer.port }
      udp.send(bytes[0], to)
      raw.sendTo(bytes[1], to)
      pair.near.send(bytes[2])
      for (const each of bytes) take(each)
      await probe.until('both datagrams are there', () => peer.received.length === 2)
      for (const { data } of peer.received) expect(data.equals(expected)).toBe(true)
      expect(Buffer.from(eventually(() => pair.far.recv())).equals(expected)).toBe(true)
    })

    test.skipIf(!isWindows)(
      'overlapped sends arrive as they were, and a receive keeps memory of its own',
      () => {
        const iocp = closing(new Iocp<undefined>())
        const { near, far } = rawPair()
        iocp.add(near, undefined)
        const bytes = own(900)
        const expected = Buffer.from(bytes)
        near.overlappedSend(bytes)
        take(bytes)
        expect(Buffer.from(eventually(() => far.recv())).equals(expected)).toBe(true)
        iocp.wait(5_000)
        const receive = near.overlappedReceive(100)
        far.send('here')
        for (let waits = 0; receive.pending && waits < 50; waits++) iocp.wait(100)
        const { data } = receive
        take(data as Bytes)
        near.overlappedReceive(100, receive)
        far.send('again')
        for (let waits = 0; receive.pending && waits < 50; waits++) iocp.wait(100)
        expect(receive.data.toString()).toBe('again')
      }
    )
  }
)

test('memory that is gone before the call is refused by every call that takes bytes, and the sockets live on', async () => {
  const probe = openProbe()
  const { near, far } = await ownPair(probe)
  const udp = probe.poller.bindUdp({ address: LOCAL, port: 0 })
  const raw = rawUdp()
  const pair = rawPair()
  const gone = own(100, 10)
  detach(gone)
  for (const use of [
    () => far.send(gone),
    () => probe.poller.broadcast([far], gone),
    () => udp.send(gone, raw.localAddress),
    () => pair.near.send(gone),
    () => pair.near.recv(gone),
    () => raw.sendTo(gone, raw.localAddress),
    () => raw.recvFrom(gone)
  ]) {
    expect(codeOf(use)).toBe('ERR_INVALID_ARG_VALUE')
  }
  far.send('still here')
  await probe.until('it is there', () => probe.bytesOf(near).toString() === 'still here')
})

test('receives into views with offsets, of no length and of shared memory write there and nowhere else', () => {
  const { near, far } = rawPair()
  const memory = new Uint8Array(new SharedArrayBuffer(64)).fill(0xaa)
  far.send('abcdefgh')
  expect(eventually(() => near.recv(memory.subarray(10, 13)))).toBe(3)
  expect(near.recv(memory.subarray(20, 20))).toBe(0)
  expect(near.recv(memory.subarray(62))).toBe(2)
  expect(Buffer.from(memory.slice(8, 16)).toString('latin1')).toBe('\xaa\xaaabc\xaa\xaa\xaa')
  expect(Buffer.from(memory.slice(60)).toString('latin1')).toBe('\xaa\xaade')
  const udp = rawUdp()
  udp.sendTo('datagram', udp.localAddress)
  expect(eventually(() => udp.recvFrom(memory.subarray(30, 34)))).toMatchObject({ truncated: true })
  expect(Buffer.from(memory.slice(28, 36)).toString('latin1')).toBe('\xaa\xaadata\xaa\xaa')
})

/**
 * Even memory that was marked as untransferable, as `transfer()` does on Node 22; Node 20 has no
 * such method yet.
 */
const takeAwayAllTheSame: (bytes: Uint8Array) => void = (() => {
  if ('transfer' in ArrayBuffer.prototype)
    return (bytes) => void (bytes.buffer as unknown as { transfer(): void }).transfer()
  setFlagsFromString('--allow-natives-syntax')
  return new Function('bytes', '%ArrayBufferDetach(bytes.buffer)') as (bytes: Uint8Array) => void
})()

const canBeTakenAway = (() => {
  const bytes = new Uint8Array(1)
  markAsUntransferable(bytes.buffer)
  try {
    takeAwayAllTheSame(bytes)
    return true
  } catch {
    return false
  }
})()

test("an event's memory is not given away by a transfer: it throws, or copies on Node 20, and every event of the batch keeps its bytes", async () => {
  const probe = openProbe()
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const udp = probe.poller.bindUdp({ address: LOCAL, port: 0 })
  const clients = [0, 1, 2].map(() => probe.poller.connectTcp(listener.localAddress))
  await probe.until('all are connected', () => probe.seen('accept').length === 3)
  const { port1, port2 } = new MessageChannel()
  onTestFinished(() => port1.close())
  const outcomes = new Set<string>()
  const texts: string[] = []
  const posted: string[] = []
  port2.on('message', (data: Uint8Array) => posted.push(Buffer.from(data).toString()))
  const attempts: ((data: Buffer) => void)[] = [
    (data) => port1.postMessage(data, [data.buffer as ArrayBuffer]),
    (data) => void structuredClone(data, { transfer: [data.buffer as ArrayBuffer] })
  ]
  probe.onEvent = (event) => {
    if (event.type !== 'receive' && event.type !== 'datagram') return
    for (const attempt of attempts) {
      try {
        attempt(event.data)
        outcomes.add('copied')
      } catch (error) {
        outcomes.add((error as Error).name)
      }
    }
    texts.push(event.data.toString())
    // The way that the comment of `data` shows: a copy whose memory goes to the other thread.
    const copy = new Uint8Array(event.data)
    port1.postMessage(copy, [copy.buffer])
    expect(copy.length).toBe(0)
  }
  for (const [at, client] of clients.entries()) client.send(`from client ${at}`)
  udp.send('a datagram', udp.localAddress)
  await probe.until('all have come', () => texts.length === 4)
  const expected = ['a datagram', 'from client 0', 'from client 1', 'from client 2']
  expect(texts.toSorted()).toEqual(expected)
  expect([...outcomes]).toEqual([
    Number.parseInt(process.versions.node, 10) < 21 ? 'copied' : 'DataCloneError'
  ])
  await probe.until('the copies have arrived', () =>
    expected.every((text) => posted.includes(text))
  )
})

test.skipIf(!canBeTakenAway)(
  "an event's memory may be taken away all the same, or kept: the poller takes new memory, and what was kept can be read",
  {
    timeout: 40_000
  },
  async () => {
    const probe = openProbe()
    const { near, far } = await ownPair(probe)
    const udp = probe.poller.bindUdp({ address: LOCAL, port: 0 })
    const kept: Buffer[] = []
    const lost: Buffer[] = []
    let sum = 0
    let datagrams = 0
    probe.onEvent = (event) => {
      if (event.type !== 'receive' && event.type !== 'datagram') return
      // Gone with the memory of an event before it in the same batch: bytes are only lost to
      // the program that gives them away.
      if (event.data.length === 0) return
      if (event.type === 'receive') sum += event.data.reduce((total, byte) => total + byte, 0)
      else if (event.data.toString() === 'datagram') datagrams++
      kept.push(event.data)
      // Every other time: the whole of what the poller receives into goes away, under the events
      // that are still to be walked.
      if (kept.length % 2 === 0) {
        takeAwayAllTheSame(event.data)
        lost.push(event.data)
        udp.send('datagram', udp.localAddress)
      }
    }
    for (let round = 0; round < 200; round++) {
      far.send(Buffer.alloc(10, 1))
      if (round % 3 === 0) near.send(Buffer.alloc(1, 0))
      probe.step(round % 2)
      for (const data of kept) if (data.length > 0) data.readUInt8(data.length - 1)
    }
    await probe.until(
      'all has been received',
      () => near.bytesReceived === 2000 && far.bytesReceived === 67
    )
    expect(lost.length).toBeGreaterThan(10)
    for (const data of lost) expect(data.length).toBe(0)
    expect(sum).toBeGreaterThan(0)
    expect(datagrams).toBeGreaterThan(0)
  }
)

test('shared memory that another thread writes and makes longer all the time is sent and received, byte for byte counted', {
  timeout: 40_000
}, async () => {
  const Growable = SharedArrayBuffer as unknown as new (
    bytes: number,
    options: object
  ) => SharedArrayBuffer
  const shared = new Growable(1000, { maxByteLength: 300_000 })
  // Whenever it grows, a datagram can hold it.
  const short = new Growable(1000, { maxByteLength: 60_000 })
  const script = `const { workerData, parentPort } = require('node:worker_threads')
    const views = workerData.map((buffer) => new Uint8Array(buffer))
    parentPort.postMessage('there')
    for (let round = 0; ; round++) {
      for (const view of views) {
        view.fill(round)
        const { buffer } = view
        if (round % 20 === 0 && buffer.byteLength < buffer.maxByteLength) buffer.grow(buffer.byteLength + 100)
      }
    }`
  const worker = new Worker(script, { eval: true, workerData: [shared, short] })
  onTestFinished(() => void worker.terminate())
  await once(worker, 'message')
  const view = new Uint8Array(shared)
  const shortView = new Uint8Array(short)
  const probe = openProbe({ highWaterMarkBytes: 2 ** 30 })
  const { near, far } = await ownPair(probe)
  probe.keeps = false
  const udp = probe.poller.bindUdp({ address: LOCAL, port: 0 })
  const pair = rawPair()
  for (let round = 0; round < 400; round++) {
    far.send(view)
    probe.poller.broadcast([far, near], view)
    udp.send(shortView, udp.localAddress)
    if (pair.near.send(view) === WOULD_BLOCK) while (pair.far.recv(view) !== WOULD_BLOCK);
    probe.step()
  }
  await probe.until('nothing is queued', () => far.bufferedBytes === 0 && near.bufferedBytes === 0)
  await probe.until(
    'all is there',
    () => near.bytesReceived === far.bytesSent && far.bytesReceived === near.bytesSent
  )
  expect(far.bytesSent).toBeGreaterThan(800_000)
  await worker.terminate()
})

test('a blocking receive writes to shared memory that others write, too', () => {
  const { near, far } = rawPair({ nonBlocking: false })
  const memory = new Uint8Array(new SharedArrayBuffer(100))
  far.send('x'.repeat(100))
  expect((near as Socket).recv(memory)).toBe(100)
  expect(Buffer.from(memory).toString()).toBe('x'.repeat(100))
})
