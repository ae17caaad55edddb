// The outbox, the native side: whatever numbers stand in it, native code reads nothing outside of
// it, and sends what a walk along the chains gives, to a real connection. Input: see read() here;
// the corpus is native/outbox.cc's as well, which looks for the same under AddressSanitizer.
import assert from 'node:assert/strict'
import { addon } from '../../../lib/binding/load.ts'
import { OUTBOX, RECORD, WATCH } from '../../../lib/binding/records.ts'
import { Socket, WOULD_BLOCK } from '../../../lib/index.ts'
import { Input } from '../input.ts'

const MAX_SENDS = 8
const MAX_OUTBOX_BYTES = 128
const INDEX = 0
const MARK = 0x5a

/** A byte stands for a small number, or for one of the ends of 32 bits. */
function number(byte: number): number {
  const signed = (byte << 24) >> 24
  return signed === 127
    ? 2 ** 31 - 1
    : signed === 126
      ? 2 ** 30
      : signed === -128
        ? -(2 ** 31)
        : signed
}

function read(data: Uint8Array): { count: number; sends: Int32Array; bytes: Uint8Array } {
  const input = new Input(data)
  const count = number(input.byte())
  const sends = Int32Array.from({ length: input.below(MAX_SENDS + 1) * OUTBOX.stride }, () =>
    number(input.byte())
  )
  return { count, sends, bytes: input.bytes(MAX_OUTBOX_BYTES) }
}

/** What goes to the connection in slot {@link INDEX}. */
function expected(count: number, sends: Int32Array, bytes: Uint8Array): Uint8Array {
  const at = (position: number) =>
    sends.subarray(position * OUTBOX.stride, (position + 1) * OUTBOX.stride)
  const isReadable = (position: number) => {
    const send = at(position)
    const [offset, length] = [send[OUTBOX.offset], send[OUTBOX.length]]
    return (
      position < count &&
      send.length > 0 &&
      offset >= 0 &&
      length >= 0 &&
      offset + length <= bytes.length
    )
  }
  const parts: Uint8Array[] = []
  for (let first = 0; first < count && first * OUTBOX.stride < sends.length; first++) {
    if (at(first)[OUTBOX.index] !== INDEX) continue
    for (let position = first; isReadable(position); ) {
      const send = at(position)
      parts.push(bytes.subarray(send[OUTBOX.offset], send[OUTBOX.offset] + send[OUTBOX.length]))
      if (send[OUTBOX.next] <= position) break
      position = send[OUTBOX.next]
    }
  }
  return Buffer.concat(parts)
}

/** One connection for all inputs, since it carries whatever they send; it ends with the process. */
let pair: { exchange: number; peer: Socket; owner: object } | undefined

function connected(): { exchange: number; peer: Socket } {
  if (pair !== undefined) return pair
  const owner = {}
  const exchange = addon().exchangeCreate(owner)
  const listener = new Socket({ type: 'tcp' })
  listener.bind({ address: '127.0.0.1', port: 0 })
  listener.listen()
  const peer = new Socket({ type: 'tcp' })
  peer.connect(listener.localAddress)
  peer.setOption('receiveTimeoutMs', 10_000)
  const accepted = listener.accept()
  assert(accepted !== WOULD_BLOCK)
  listener.close()
  accepted.nonBlocking = true
  assert.equal(addon().exchangeWatch(exchange, INDEX, 1, accepted.detach(), WATCH.connection), 0)
  pair = { exchange, peer, owner }
  return pair
}

export function fuzz(data: Uint8Array): void {
  const { count, sends, bytes } = read(data)
  const { exchange, peer } = connected()
  const records = new Int32Array((MAX_SENDS + 1) * RECORD.stride)
  const slab = new Uint8Array(1024)
  assert.equal(
    addon().exchangeFlush(exchange, bytes, sends, count, slab, records),
    0,
    'so little is taken whole'
  )
  // What comes before a mark of our own is what the input sent.
  const mark = Int32Array.of(INDEX, 0, 1, -1, 0)
  assert.equal(addon().exchangeFlush(exchange, Uint8Array.of(MARK), mark, 1, slab, records), 0)

  const wanted = Buffer.concat([expected(count, sends, bytes), Uint8Array.of(MARK)])
  const got: Uint8Array[] = []
  for (let left = wanted.length; left > 0; ) {
    const received = peer.recv(left)
    assert(received !== WOULD_BLOCK && received.length > 0, `${left} bytes never came`)
    got.push(received)
    left -= received.length
  }
  assert.deepEqual(Buffer.concat(got), wanted)
}
