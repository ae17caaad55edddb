// One wait: what is queued goes out, the system waits and receives, and each record goes to its
// socket. Refuses to know what a record means to a socket.
import { KIND, RECORD } from '../binding/records.ts'
import { socketError } from '../errors.ts'
import { FOREVER_MS, SLICE_MS } from '../wait-slices.ts'
import type { PollEvent } from './events.ts'
import type { PollerState } from './poller-state.ts'

/** What happens within `limitMs` milliseconds, -1 = for ever; `[]` when nothing does. */
export function collectEvents<U>(poller: PollerState<U>, limitMs: number): PollEvent<U>[] {
  const { backend, memory, outbox, deadlines } = poller
  poller.stats.waits++
  poller.now = backend.clockMs()
  if (poller.hasGivenBack) {
    poller.flush()
    return poller.takeEvents()
  }
  const deadline = limitMs < 0 ? Number.POSITIVE_INFINITY : poller.now + limitMs
  for (;;) {
    if (poller.mustSettle) poller.flush()
    memory.prepare(outbox.count)
    const count = backend.exchange(outbox, memory, nextWaitMs(poller, deadline))
    poller.now = backend.clockMs()
    const settled = settleSends(poller, Math.max(count, 0), memory.slab)
    if (count < 0) throw socketError(-count, backend.waitCall)
    if (count > settled) deliver(poller, settled, count)
    if (deadlines.next <= poller.now) poller.expireDeadlines()
    // A timer's callback may have closed the poller.
    if (poller.closed || poller.events.length > 0 || poller.now >= deadline)
      return poller.takeEvents()
  }
}

/**
 * After the outbox went to the system: the first records say what it did not take. Returns how many
 * those were.
 */
export function settleSends<U>(poller: PollerState<U>, count: number, slab: Buffer): number {
  poller.mustSettle = false
  const { records } = poller.memory
  let done = 0
  for (; done < count; done++) {
    const at = done * RECORD.stride
    const kind = records[at + RECORD.kind]
    if (kind !== KIND.sendShort && kind !== KIND.sendFailed && kind !== KIND.datagramFailed) break
    deliverRecord(poller, records, at, slab)
  }
  poller.outboxIsSent()
  return done
}

/**
 * How long the system may wait: until the caller's deadline, ours, or the end of a slice. -1 = for
 * ever.
 */
function nextWaitMs<U>(poller: PollerState<U>, deadline: number): number {
  if (poller.events.length > 0) return 0
  const until = Math.min(deadline, poller.deadlines.next)
  const ms = until === Number.POSITIVE_INFINITY ? -1 : Math.max(until - poller.now, 0)
  return ms < 0 ? FOREVER_MS : Math.min(ms, SLICE_MS)
}

function deliver<U>(poller: PollerState<U>, from: number, count: number): void {
  const { records, slab } = poller.memory
  const end = count * RECORD.stride
  for (let at = from * RECORD.stride; at < end; at += RECORD.stride)
    deliverRecord(poller, records, at, slab)
}

function deliverRecord<U>(
  poller: PollerState<U>,
  records: Int32Array,
  at: number,
  slab: Buffer
): void {
  const kind = records[at + RECORD.kind]
  if (kind === KIND.woken) return poller.emit({ type: 'wake' })
  const a = records[at + RECORD.a]
  // A stale generation is a dropped event: the socket was closed since.
  const socket = poller.registry.at(records[at + RECORD.index], records[at + RECORD.generation])
  if (socket !== undefined)
    socket._onRecord(kind, slab, a, records[at + RECORD.b], records[at + RECORD.c])
  // An accepted connection whose listener is gone.
  else if (kind === KIND.accepted) poller.backend.calls.reset(a)
}
