// The same bytes for many connections: one copy of them in the outbox, one send each that points at
// it. Knows connections and the outbox, nothing of waiting.
import { invalidArgType, invalidArgValue } from '../errors.ts'
import { bytes as toBytes } from '../validate.ts'
import { Outbox } from './outbox.ts'
import type { PollerState } from './poller-state.ts'
import { TcpConnection } from './tcp-connection.ts'

/** Returns how many connections took it. */
export function broadcast<U>(
  poller: PollerState<U>,
  to: Iterable<TcpConnection<U>>,
  data: Uint8Array | string
): number {
  if (to === null || typeof to !== 'object' || !(Symbol.iterator in to))
    throw invalidArgType('to', 'an iterable of TcpConnection', to)
  // All of them first: an iterator may be the program's own, and do anything to the bytes and to
  // this poller while it is asked.
  const connections = [...to]
  const bytes = toBytes(data, 'data')
  const { length } = bytes
  const { outbox } = poller
  let shared: Buffer | undefined
  let offset = -1
  let generation = -1
  let taken = 0
  for (const connection of connections) {
    if (!(connection instanceof TcpConnection))
      throw invalidArgType('to', 'an iterable of TcpConnection', connection)
    if (!connection._belongsTo(poller))
      throw invalidArgValue('to', connection, 'it holds a connection of another poller')
    if (!connection._takesData) continue
    if (length === 0) {
      taken++
      continue
    }
    let isThrough = connection._hasQueue || length > Outbox.maxMessageBytes
    // A flush in between empties the outbox, and the bytes with it; and it may find this
    // connection's send buffer full, or broken.
    if (!isThrough && (generation !== outbox.generation || !outbox.makeRoom(0))) {
      poller.makeRoom(length)
      offset = outbox.end
      outbox.copy(bytes, length)
      generation = outbox.generation
      if (!connection._takesData) continue
      isThrough = connection._hasQueue
    }
    if (isThrough) {
      shared ??= Buffer.from(bytes.subarray(0, length))
      connection._sendThrough(shared, true)
      // The system has just refused it: it is broken, and its close follows.
      if (connection._takesData) taken++
      continue
    }
    connection._sendShared(offset, length)
    taken++
  }
  return taken
}
