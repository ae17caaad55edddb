// A system without room for datagrams, which loopback never is: what send() said true to waits
// within highWaterMarkBytes and is sent, false means dropped, and nothing else is. The system is
// played here; the fault lab shows the same on a slow link.
import { expect, test } from 'vitest'
import { KIND, OUTBOX, PACKED_ADDRESS } from '../../lib/binding/records.ts'
import type { Backend } from '../../lib/poller/backend.ts'
import { BatchMemory } from '../../lib/poller/batch-memory.ts'
import type { Outbox } from '../../lib/poller/outbox.ts'
import { PollerState } from '../../lib/poller/poller-state.ts'
import { UdpSocket } from '../../lib/poller/udp-socket.ts'
import { newSeed, randomFrom } from '../support/poller-random.ts'

const TO = { address: '10.9.0.2', port: 9 }

/** Takes datagrams while it has room for them, as a socket whose send buffer is full does not. */
class NarrowSystem {
  /** How many more datagrams it takes. */
  room = 0
  /** The first bytes of those that it took, as text. */
  readonly taken: string[] = []

  clockMs(): number {
    return 0
  }

  flush(outbox: Outbox, batch: BatchMemory): number {
    let position = 0
    while (position >= 0 && position < outbox.count) {
      const at = position * OUTBOX.stride
      const offset = outbox.sends[at + OUTBOX.offset]
      if (!this.#take(outbox.bytes, offset, outbox.sends[at + OUTBOX.length])) {
        batch.records.set([KIND.sendShort, outbox.sends[OUTBOX.index], 1, position, 0, 0], 0)
        return 1
      }
      position = outbox.sends[at + OUTBOX.next]
    }
    return 0
  }

  sendDatagram(_index: number, bytes: Uint8Array, offset: number, length: number): number {
    return this.#take(bytes, offset, length) ? 1 : 0
  }

  release(): number {
    return 0
  }

  close(): void {}

  #take(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.room === 0) return false
    this.room--
    this.taken.push(Buffer.from(bytes.subarray(offset, offset + Math.min(length, 8))).toString())
    return true
  }
}

function open(highWaterMarkBytes: number): {
  system: NarrowSystem
  poller: PollerState<unknown>
  udp: UdpSocket
  types(): string[]
} {
  const system = new NarrowSystem()
  const memory = new BatchMemory(64 * 1024, 65_535, 16)
  memory.addDatagrams()
  const poller = new PollerState<unknown>(system as unknown as Backend, memory, highWaterMarkBytes)
  const udp = new UdpSocket(poller, 1, undefined, 'ipv4')
  return { system, poller, udp, types: () => poller.takeEvents().map(({ type }) => type) }
}

const numbered = (number: number, length: number) =>
  Buffer.alloc(length, `${String(number).padStart(7, '0')} `)
const label = (number: number) => `${String(number).padStart(7, '0')} `

test.each([1, 8, 200, 1000])(
  'with room for %d, true means sent, in order, and false means dropped, counted and followed by drain',
  (room) => {
    const { system, poller, udp, types } = open(65_536)
    system.room = room
    const accepted: number[] = []
    for (let number = 0; number < 800; number++) {
      if (udp.send(numbered(number, 1000), TO)) accepted.push(number)
      expect(udp.bufferedBytes).toBeLessThanOrEqual(65_536)
    }
    poller.flush()
    expect(poller.stats.datagramsDropped).toBe(800 - accepted.length)
    expect(accepted.length).toBe(Math.min(800, room + 64)) // 64 of 1,024 bytes are the mark.
    expect(types()).toEqual([])
    system.room = 10_000
    udp._onRecord(KIND.writable, Buffer.alloc(0), 0, 0, 0)
    expect(system.taken).toEqual(accepted.map(label))
    expect(poller.stats).toMatchObject({
      datagramsSent: accepted.length,
      datagramsDropped: 800 - accepted.length
    })
    expect(udp.bufferedBytes).toBe(0)
    expect(types()).toEqual(accepted.length < 800 ? ['drain'] : [])
  }
)

test('a random mixture of sends, flushes and room keeps the promise, datagrams of 0 bytes included', () => {
  const seed = newSeed()
  const random = randomFrom(seed)
  for (const mark of [0, 100, 5_000, 100_000]) {
    const { system, poller, udp } = open(mark)
    const accepted: number[] = []
    let sends = 0
    let most = 0
    for (let step = 0; step < 3_000; step++) {
      const what = random(10)
      if (what < 7) {
        const length = random(4) === 0 ? 8 : 8 + random(3_000)
        if (udp.send(numbered(sends, length), TO)) accepted.push(sends)
        sends++
        most = Math.max(most, udp.bufferedBytes)
      } else if (what < 8) {
        poller.flush()
      } else {
        system.room += random(12)
        udp._onRecord(KIND.writable, Buffer.alloc(0), 0, 0, 0)
      }
    }
    poller.flush()
    system.room = Number.POSITIVE_INFINITY
    udp._onRecord(KIND.writable, Buffer.alloc(0), 0, 0, 0)
    expect(system.taken, `seed ${seed}, mark ${mark}`).toEqual(accepted.map(label))
    expect(poller.stats, `seed ${seed}, mark ${mark}`).toMatchObject({
      datagramsSent: accepted.length,
      datagramsDropped: sends - accepted.length
    })
    // A datagram longer than the mark is taken when nothing waits.
    expect(most, `seed ${seed}, mark ${mark}`).toBeLessThanOrEqual(Math.max(mark, 3_008))
  }
})

test('empty datagrams are bounded too', () => {
  const { poller, udp } = open(PACKED_ADDRESS.bytes * 100)
  let accepted = 0
  for (let number = 0; number < 1_000; number++) if (udp.send('', TO)) accepted++
  expect(accepted).toBe(100)
  expect(udp.bufferedBytes).toBe(0)
  expect(poller.stats.datagramsDropped).toBe(900)
})

test('what still waits when the socket closes, or its poller does, is dropped and counted', () => {
  for (const close of ['socket', 'poller']) {
    const { system, poller, udp } = open(65_536)
    system.room = 3
    for (let number = 0; number < 10; number++) udp.send(numbered(number, 100), TO)
    if (close === 'socket') udp.close()
    else poller.close()
    expect(poller.stats, close).toMatchObject({ datagramsSent: 3, datagramsDropped: 7 })
  }
})

test('a destination that is refused takes no room from those that are not', () => {
  const { poller, udp } = open(65_536)
  const before = poller.outbox.end
  for (const to of [
    { address: '::1', port: 9 },
    { address: 'localhost', port: 9 },
    { address: '10.0.0.1', port: -1 },
    undefined
  ]) {
    expect(() => udp.send('x', to)).toThrow()
  }
  expect(poller.outbox.end).toBe(before)
})

test('an end point that runs code of the program while it is read harms nothing', () => {
  const { system, poller, udp } = open(65_536)
  system.room = 100
  let isNested = false
  const to = {
    port: 9,
    get address() {
      if (isNested) return TO.address
      isNested = true
      udp.send(numbered(1, 8), to)
      poller.flush()
      udp.send(numbered(2, 8), to)
      return TO.address
    }
  }
  udp.send(numbered(3, 8), to)
  poller.flush()
  expect(system.taken).toEqual([1, 2, 3].map(label))
  const closing = { port: 9, address: TO.address }
  Object.defineProperty(closing, 'address', {
    get() {
      udp.close()
      return TO.address
    }
  })
  expect(() => udp.send('x', closing)).toThrow(expect.objectContaining({ code: 'EBADF' }))
})
