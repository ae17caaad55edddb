// A system that an input decides about, in the place of the native addon: it keeps the promises of
// lib/poller/backend.ts and is otherwise as awkward as it may be. It takes any part of a send,
// breaks, reports sockets that are gone, in any order. It complains where TypeScript asks for what
// it must not. Knows handles, slots and bytes; no sockets of the program.
import assert from 'node:assert/strict'
import { addon } from '../../lib/binding/load.ts'
import {
  KIND,
  OUTBOX,
  PACKED_ADDRESS,
  RECORD,
  RELEASE,
  SEND_CHAINED,
  SEND_SKIP,
  WATCH
} from '../../lib/binding/records.ts'
import { WOULD_BLOCK_RESULT } from '../../lib/binding/socket.ts'
import type { Input } from './input.ts'

const BROKEN = addon().backend === 'epoll' ? [32, 104] : [10053, 10054]
const REFUSED = addon().backend === 'epoll' ? 111 : 10061
const MAX_RECORDS_A_WAIT = 6

interface Watched {
  generation: number
  kind: number
  handle: number
  receiving: boolean
  /** Nothing more comes: the end or a break was reported. */
  isDone: boolean
  /**
   * A `writable` is owed, and so many bytes are taken by then (as overlapped sends on Windows are).
   */
  owed: Uint8Array | undefined
  /** What the peer got: bytes, or datagrams. */
  taken: Uint8Array[]
  /** How many bytes the peer has sent: the next is this number's low byte. */
  given: number
}

export class FakeSystem {
  readonly watched = new Map<number, Watched>()
  /** Everything that connections' peers got, by handle, to be compared. */
  readonly takenBy = new Map<number, Uint8Array[]>()
  readonly handles = new Set<number>()
  /** Once it is true the system is kind: it takes everything and has nothing more to tell. */
  isCalm = false
  readonly #input: Input
  #nextHandle = 1000
  #stale: [index: number, generation: number][] = []

  constructor(input: Input) {
    this.#input = input
  }

  /** Runs `body` with this system in the addon's place. */
  during(body: () => void): void {
    const native = addon() as unknown as Record<string, unknown>
    const real = { ...native }
    // Every function that is not ours says that all is well, and touches nothing.
    for (const name of Object.keys(native))
      if (typeof native[name] === 'function') native[name] = () => 0
    Object.assign(
      native,
      { addressParse: real.addressParse, addressFormat: real.addressFormat },
      this.#calls()
    )
    try {
      body()
    } finally {
      Object.assign(native, real)
    }
  }

  #calls(): Record<string, unknown> {
    return {
      socketOpen: () => this.#open(),
      socketClose: (handle: number) => this.#close(handle),
      socketReset: (handle: number) => this.#close(handle),
      exchangeCreate: () => 1,
      exchangeClose: () => {
        for (const { handle } of this.watched.values()) this.#close(handle)
        this.watched.clear()
        return 0
      },
      exchangeWatch: (
        _: number,
        index: number,
        generation: number,
        handle: number,
        kind: number
      ) => {
        if (this.#unlikely()) return -12
        return this.#watch(
          index,
          generation,
          handle,
          kind === WATCH.accepted ? WATCH.connection : kind
        )
      },
      exchangeConnect: (_: number, index: number, generation: number, handle: number) => {
        const how = this.#choice(4)
        if (how === 1) return -REFUSED
        this.#watch(index, generation, handle, how === 2 ? WATCH.connection : WATCH.connecting)
        return how === 2 ? 0 : WOULD_BLOCK_RESULT
      },
      exchangeReceive: (_: number, index: number, on: boolean) => {
        this.#at(index).receiving = on
        return 0
      },
      exchangeRelease: (_: number, index: number, how: number) => {
        const { handle, generation } = this.#at(index)
        this.watched.delete(index)
        this.#stale.push([index, generation])
        if (how === RELEASE.detach) return handle
        return this.#close(handle)
      },
      exchangeSend: (
        _: number,
        index: number,
        bytes: Uint8Array,
        offset: number,
        length: number
      ) => {
        assert(
          offset >= 0 && length >= 0 && offset + length <= bytes.length,
          'a send lies inside of its bytes'
        )
        const socket = this.#connection(index)
        if (this.#unlikely()) return -BROKEN[this.#choice(2)]
        return this.#take(socket, [copyOf(bytes, offset, length)])
      },
      exchangeSendDatagram: (
        _: number,
        index: number,
        bytes: Uint8Array,
        offset: number,
        length: number,
        address: number
      ) => {
        assert(offset >= 0 && length >= 0 && offset + length <= bytes.length && address >= 0)
        const socket = this.#at(index)
        assert.equal(
          socket.owed,
          undefined,
          'nothing is offered before the room that was promised is there'
        )
        if (this.#unlikely()) return -REFUSED
        if (this.#choice(3) === 1) {
          socket.owed = new Uint8Array()
          return 0
        }
        socket.taken.push(copyOf(bytes, offset, length))
        return 1
      },
      exchangeFlush: (
        _: number,
        bytes: Uint8Array,
        sends: Int32Array,
        count: number,
        slab: Uint8Array,
        records: Int32Array
      ) => {
        const batch = new FakeBatch(slab, records, 0)
        this.#send(bytes, sends, count, batch)
        return batch.count
      },
      exchangeRun: (
        _: number,
        bytes: Uint8Array,
        sends: Int32Array,
        count: number,
        slab: Uint8Array,
        records: Int32Array,
        _timeoutMs: number,
        streamBytes: number
      ) => {
        const batch = new FakeBatch(slab, records, streamBytes)
        this.#send(bytes, sends, count, batch)
        for (let more = this.#choice(MAX_RECORDS_A_WAIT); more > 0 && this.watched.size > 0; more--)
          this.#tell(batch)
        if (this.isCalm) for (const index of this.watched.keys()) this.#tellRoom(index, batch)
        // Nothing at all would be a wait that goes on.
        if (batch.count === 0) batch.add(KIND.woken, 0, 0)
        return batch.count
      }
    }
  }

  // ---- Handles and slots ----

  #open(): number {
    const handle = this.#nextHandle++
    this.handles.add(handle)
    return handle
  }

  #close(handle: number): number {
    assert(this.handles.delete(handle), `handle ${handle} is closed once, by its owner`)
    return 0
  }

  #watch(index: number, generation: number, handle: number, kind: number): number {
    assert(!this.watched.has(index), `slot ${index} is free`)
    assert(this.handles.has(handle), 'an open handle')
    const taken: Uint8Array[] = []
    this.takenBy.set(handle, taken)
    this.watched.set(index, {
      generation,
      kind,
      handle,
      receiving: true,
      isDone: false,
      owed: undefined,
      taken,
      given: 0
    })
    return 0
  }

  #at(index: number): Watched {
    const socket = this.watched.get(index)
    assert(socket !== undefined, `slot ${index} is watched`)
    return socket
  }

  #connection(index: number): Watched {
    const socket = this.#at(index)
    assert.equal(
      socket.kind,
      WATCH.connection,
      'bytes go to connections, and not before they are made'
    )
    assert.equal(
      socket.owed,
      undefined,
      'nothing is offered before the room that was promised is there'
    )
    return socket
  }

  // ---- Sending ----

  /**
   * Takes a part of what is offered; the rest owes a `writable`, by which some of it may be taken
   * already.
   */
  #take(socket: Watched, offered: Uint8Array[]): number {
    const all = Buffer.concat(offered)
    const how = this.#choice(4)
    const count =
      how === 1
        ? 0
        : how === 2
          ? Math.floor(all.length / 2)
          : how === 3
            ? Math.max(all.length - 1, 0)
            : all.length
    socket.taken.push(all.subarray(0, count))
    if (count < all.length)
      socket.owed = all.subarray(count, count + this.#choice(3) * (all.length >> 2))
    return count
  }

  /** As both systems read an outbox: chains from their first sends on. */
  #send(bytes: Uint8Array, sends: Int32Array, count: number, batch: FakeBatch): void {
    assert(count * OUTBOX.stride <= sends.length)
    for (let first = 0; first < count; first++) {
      const index = sends[first * OUTBOX.stride + OUTBOX.index]
      if (index === SEND_SKIP || index === SEND_CHAINED) continue
      const positions: number[] = []
      for (let at = first; at >= 0; at = sends[at * OUTBOX.stride + OUTBOX.next]) {
        assert(
          at < count && at > (positions.at(-1) ?? -1),
          'a chain goes forward, and stays in the outbox'
        )
        positions.push(at)
      }
      const parts = positions.map((at) => {
        const [offset, length] = [
          sends[at * OUTBOX.stride + OUTBOX.offset],
          sends[at * OUTBOX.stride + OUTBOX.length]
        ]
        assert(
          offset >= 0 && length >= 0 && offset + length <= bytes.length,
          'a send lies inside of the outbox'
        )
        return copyOf(bytes, offset, length)
      })
      const { generation, kind } = this.#at(index)
      if (kind === WATCH.datagram) this.#sendDatagrams(index, positions, parts, bytes, sends, batch)
      else if (this.#unlikely())
        batch.add(KIND.sendFailed, index, generation, BROKEN[this.#choice(2)])
      else {
        let taken = this.#take(this.#connection(index), parts)
        const cut = parts.findIndex((part) => {
          if (taken < part.length) return true
          taken -= part.length
          return false
        })
        if (cut >= 0) batch.add(KIND.sendShort, index, generation, positions[cut], taken)
      }
    }
  }

  #sendDatagrams(
    index: number,
    positions: number[],
    parts: Uint8Array[],
    bytes: Uint8Array,
    sends: Int32Array,
    batch: FakeBatch
  ): void {
    const socket = this.#at(index)
    assert.equal(
      socket.owed,
      undefined,
      'nothing is offered before the room that was promised is there'
    )
    for (const [at, part] of parts.entries()) {
      const address = sends[positions[at] * OUTBOX.stride + OUTBOX.address]
      if (this.#unlikely()) {
        const where = batch.keepStream(bytes.subarray(address, address + PACKED_ADDRESS.bytes))
        batch.add(KIND.datagramFailed, index, socket.generation, REFUSED, where, 1)
      } else if (this.#choice(6) === 1) {
        socket.owed = new Uint8Array()
        batch.add(KIND.sendShort, index, socket.generation, positions[at], 0)
        return
      } else socket.taken.push(part)
    }
  }

  // ---- Telling ----

  #tell(batch: FakeBatch): void {
    if (this.#stale.length > 0 && this.#choice(8) === 1) {
      const [index, generation] = this.#stale[this.#choice(this.#stale.length)]
      const anyKind = 1 + this.#choice(9)
      // Of a listener that is gone: the receiver of the event closes the handle.
      const isOfListener = anyKind === KIND.accepted
      batch.add(
        anyKind,
        index,
        generation,
        isOfListener ? this.#open() : this.#choice(32),
        isOfListener ? batch.keepAddress() : 0
      )
      return
    }
    const indices = [...this.watched.keys()]
    const index = indices[this.#choice(indices.length)]
    const socket = this.#at(index)
    const { generation, kind } = socket
    const how = this.#choice(8)
    if (how === 0) return this.#tellRoom(index, batch)
    if (kind === WATCH.connecting) {
      if (how > 5) return batch.add(KIND.connected, index, generation, REFUSED)
      socket.kind = WATCH.connection
      return batch.add(KIND.connected, index, generation)
    }
    if (!socket.receiving || socket.isDone) return
    if (kind === WATCH.listener) {
      if (how === 7) return batch.add(KIND.acceptFailed, index, generation, 24)
      return batch.add(KIND.accepted, index, generation, this.#open(), batch.keepAddress())
    }
    const data = this.#more(socket, this.#choice(40))
    if (kind === WATCH.datagram) {
      const offset = batch.keepDatagram(data)
      return batch.add(KIND.datagram, index, generation, offset, data.length, how & 1)
    }
    if (how < 6 && data.length > 0)
      return batch.add(KIND.received, index, generation, batch.keepStream(data), data.length)
    socket.given -= data.length
    socket.isDone = true
    if (how === 7) batch.add(KIND.failed, index, generation, BROKEN[1])
    else batch.add(KIND.ended, index, generation)
  }

  #tellRoom(index: number, batch: FakeBatch): void {
    const socket = this.#at(index)
    if (socket.owed === undefined) return
    const { owed, generation } = socket
    socket.owed = undefined
    if (owed.length > 0) socket.taken.push(owed)
    batch.add(KIND.writable, index, generation, owed.length)
  }

  #more(socket: Watched, length: number): Uint8Array {
    return Uint8Array.from({ length }, () => socket.given++)
  }

  #choice(count: number): number {
    return this.isCalm ? 0 : this.#input.below(count)
  }

  #unlikely(): boolean {
    return this.#choice(16) === 15
  }
}

/** Of a Buffer slice() would be a view, and the outbox is written again. */
const copyOf = (bytes: Uint8Array, offset: number, length: number) =>
  new Uint8Array(bytes.subarray(offset, offset + length))

/** Writes records and bytes as native/contract/batch.h does. */
class FakeBatch {
  count = 0
  readonly #slab: Uint8Array
  readonly #records: Int32Array
  #streamUsed = 0
  #datagramUsed: number

  constructor(slab: Uint8Array, records: Int32Array, streamBytes: number) {
    this.#slab = slab
    this.#records = records
    this.#datagramUsed = streamBytes
  }

  add(
    ...record: [kind: number, index: number, generation: number, a?: number, b?: number, c?: number]
  ): void {
    assert(
      (this.count + 1) * RECORD.stride <= this.#records.length,
      'there is room for what sends may tell'
    )
    this.#records.fill(0, this.count * RECORD.stride, (this.count + 1) * RECORD.stride)
    this.#records.set(record as number[], this.count++ * RECORD.stride)
  }

  keepStream(bytes: Uint8Array): number {
    assert(
      this.#streamUsed + bytes.length <= this.#slab.length,
      'there is room for the addresses of refused datagrams'
    )
    this.#slab.set(bytes, this.#streamUsed)
    this.#streamUsed += bytes.length
    return this.#streamUsed - bytes.length
  }

  keepAddress(): number {
    const address = new Uint8Array(PACKED_ADDRESS.bytes)
    address[PACKED_ADDRESS.family] = 4
    return this.keepStream(address)
  }

  keepDatagram(data: Uint8Array): number {
    const address = new Uint8Array(PACKED_ADDRESS.bytes)
    address[PACKED_ADDRESS.family] = 6
    this.#slab.set(address, this.#datagramUsed)
    this.#slab.set(data, this.#datagramUsed + address.length)
    this.#datagramUsed += address.length + data.length
    return this.#datagramUsed - data.length
  }
}
