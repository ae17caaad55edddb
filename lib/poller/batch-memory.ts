// The memory that one exchange with the system writes to: the slab for bytes, the array for
// records. Knows sizes, not meanings.
import { markAsUntransferable } from 'node:worker_threads'
import { PACKED_ADDRESS, RECORD } from '../binding/records.ts'
import { midPage } from '../mid-page.ts'

// How many datagrams of the largest size one wait has room for; the native side never asks for more
// in one call (native/contract/limits.h).
const DATAGRAM_SLOTS = 64
// Small ones come by the thousand: as many of 40 bytes, with their addresses, as a wait gives of
// one socket.
const LEAST_DATAGRAM_BYTES = 64 * 1024
// Records beside those of ready sockets: accepted connections and datagrams have one each.
const EXTRA_RECORDS = 2048
const RECORDS_PER_SOCKET = 3

export class BatchMemory {
  records: Int32Array
  slab: Buffer
  /**
   * What flush() writes to instead of the slab, since it may come while the program still reads the
   * last batch: the addresses of datagrams that could not be sent, as many as there may be.
   */
  flushSlab: Buffer = Buffer.alloc(0)
  /** The front part of the slab, which is not for datagrams. */
  readonly streamBytes: number
  readonly #datagramBytes: number
  readonly #baseRecords: number
  #withDatagrams = false

  constructor(streamBytes: number, maxDatagramBytes: number, maxEvents: number) {
    this.streamBytes = streamBytes
    this.#datagramBytes = Math.max(
      DATAGRAM_SLOTS * (PACKED_ADDRESS.bytes + maxDatagramBytes),
      LEAST_DATAGRAM_BYTES
    )
    this.#baseRecords = maxEvents * RECORDS_PER_SOCKET + EXTRA_RECORDS
    this.records = new Int32Array(this.#baseRecords * RECORD.stride)
    this.slab = this.#allocate()
  }

  /** From now on there is room for datagrams: most pollers never need it. */
  addDatagrams(): void {
    if (this.#withDatagrams) return
    this.#withDatagrams = true
    this.slab = this.#allocate()
  }

  /**
   * Called before each exchange: makes good what the program may have taken away, and room for one
   * record a send.
   */
  prepare(sendCount: number): void {
    // On Node 22 ArrayBuffer.prototype.transfer() takes away what was marked as untransferable as
    // well; then a new slab takes its place.
    if (this.slab.length === 0) this.slab = this.#allocate()
    // Only datagrams have addresses: a poller without UDP sockets needs no room for them.
    if (this.#withDatagrams && this.flushSlab.length < sendCount * PACKED_ADDRESS.bytes) {
      this.flushSlab = Buffer.allocUnsafeSlow(sendCount * PACKED_ADDRESS.bytes)
    }
    const needed = (this.#baseRecords + sendCount) * RECORD.stride
    if (this.records.length < needed) this.records = new Int32Array(needed)
  }

  #allocate(): Buffer {
    // Not from Node's pool: the slab must not share its memory with anybody's small buffers.
    // Untouched pages cost nothing.
    const slab = midPage(this.streamBytes + (this.#withDatagrams ? this.#datagramBytes : 0))
    // The bytes of every socket of a batch lie here: a program that gives away one event's memory
    // would take the others' bytes with it.
    markAsUntransferable(slab.buffer)
    return slab
  }
}
