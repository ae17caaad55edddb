// Drives a Poller in a test: waits in turns with Node's own loop, keeps what the poller said, and
// makes a sentence of an event that does not come. Does not depend on what is on the other side of
// a socket: see net-peer.ts.
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { PollEvent, Poller, TcpConnection, TcpListener, UdpSocket } from 'pollport'
import { onTestFinished } from 'vitest'
import { tested } from './tested-system.ts'

export type EventType = PollEvent['type']
export type EventOf<T extends EventType, U = unknown> = Extract<PollEvent<U>, { type: T }>
export type AnySocket<U = unknown> = TcpListener<U> | TcpConnection<U> | UdpSocket<U>
export type PollerOptions = NonNullable<ConstructorParameters<typeof Poller>[0]>

/**
 * How long an event may take before its absence is a failure. Generous: it is never waited out when
 * things go right.
 */
export const DEADLINE_MS = 10_000

export class Probe<U = unknown> {
  readonly poller: Poller<U>
  /**
   * Everything that the poller said, in order; bytes are copies, since an event's own are valid
   * until the next wait only.
   */
  readonly events: PollEvent<U>[] = []
  /**
   * Whether {@link events} grows. Tests that move a lot set it to false and count in
   * {@link onEvent}.
   */
  keeps = true
  /** Called with each event while its batch is being walked, as a program would. */
  onEvent: (event: PollEvent<U>) => void = () => {}

  constructor(options?: PollerOptions) {
    this.poller = tested.poller<U>(options)
  }

  /** One wait. Returns how many events its batch gave. */
  step(timeoutMs = 0): number {
    let count = 0
    for (const event of this.poller.wait(timeoutMs)) {
      count++
      if (this.keeps) this.events.push(keptEvent(event))
      this.onEvent(event)
    }
    return count
  }

  /** Waits of 100 ms, one after the other, for so long. Returns how many they were. */
  waitsIn(ms: number): number {
    const start = tested.now()
    let waits = 0
    for (; tested.now() - start < ms; waits++) this.step(100)
    return waits
  }

  /**
   * Waits, in turns with Node's loop, until `done` says so; fails with `sentence` and what was seen
   * when that takes too long.
   */
  async until(sentence: string, done: () => boolean, deadlineMs = DEADLINE_MS): Promise<void> {
    const end = tested.now() + deadlineMs
    let idleTurns = 0
    while (!done()) {
      if (tested.now() > end) {
        throw new Error(
          `within ${deadlineMs} ms this did not come true: ${sentence}. Seen: ${this.summary()}`
        )
      }
      // Blocks, for a millisecond, only when nothing has come for a while: Node's loop may have
      // work of its own for the other side.
      idleTurns = this.step(idleTurns > 3 ? 1 : 0) > 0 ? 0 : idleTurns + 1
      await nextTurn()
    }
  }

  /**
   * Waits for the first event of a kind (about `socket`, if given), or gives the one that has been
   * seen already.
   */
  async first<T extends EventType>(
    type: T,
    socket?: AnySocket<U>,
    deadlineMs?: number
  ): Promise<EventOf<T, U>> {
    const what = `an event '${type}'${socket ? ' for that socket' : ''}`
    await this.until(what, () => this.seen(type, socket).length > 0, deadlineMs)
    return this.seen(type, socket)[0]
  }

  /** Goes on for a while, to show that nothing more comes; returns what did. */
  async quiet(milliseconds = 50): Promise<PollEvent<U>[]> {
    const before = this.events.length
    const end = tested.now() + milliseconds
    do {
      this.step(1)
      await nextTurn()
    } while (tested.now() < end)
    return this.events.slice(before)
  }

  seen<T extends EventType>(type: T, socket?: AnySocket<U>): EventOf<T, U>[] {
    return this.events.filter(
      (event): event is EventOf<T, U> =>
        event.type === type && (!socket || socketOf(event) === socket)
    )
  }

  /** The kinds of the events about one socket, in order. */
  typesOf(socket: AnySocket<U>): EventType[] {
    return this.events.filter((event) => socketOf(event) === socket).map((event) => event.type)
  }

  /**
   * The same with a run of 'receive' shortened to one, since how bytes are cut into events is
   * nobody's promise.
   */
  storyOf(socket: AnySocket<U>): EventType[] {
    return this.typesOf(socket).filter(
      (type, at, all) => type !== 'receive' || all[at - 1] !== 'receive'
    )
  }

  /** All bytes that a connection received. */
  bytesOf(socket: AnySocket<U>): Buffer {
    return Buffer.concat(this.seen('receive', socket).map((event) => event.data))
  }

  summary(): string {
    if (this.events.length === 0) return this.keeps ? 'no event at all' : 'events were not kept'
    const names = this.events.slice(-30).map((event) => {
      const error = 'error' in event && event.error ? ` ${event.error.code}` : ''
      return event.type + ('data' in event ? ` ${event.data.length} bytes` : '') + error
    })
    return `${this.events.length} events, the last: ${names.join(', ')}`
  }
}

/** A probe whose poller is closed when the test ends. */
export function openProbe<U = unknown>(options?: PollerOptions): Probe<U> {
  const probe = new Probe<U>(options)
  onTestFinished(() => probe.poller.close())
  return probe
}

/** The socket of an event; for 'accept' the new connection, whose first event it is. */
export function socketOf<U>(event: PollEvent<U>): AnySocket<U> | undefined {
  return event.type === 'wake' ? undefined : event.socket
}

function keptEvent<U>(event: PollEvent<U>): PollEvent<U> {
  if (event.type === 'receive') {
    return {
      type: 'receive',
      socket: event.socket,
      userPtr: event.userPtr,
      data: Buffer.from(event.data)
    }
  }
  if (event.type === 'datagram') {
    const { socket, userPtr, address, truncated } = event
    return { type: 'datagram', socket, userPtr, data: Buffer.from(event.data), address, truncated }
  }
  return event
}

/**
 * Two ends of one TCP connection, both on the probe's poller. `near` was accepted by `listener`,
 * `far` connected to it.
 */
export async function ownPair<U>(
  probe: Probe<U>
): Promise<{ listener: TcpListener<U>; near: TcpConnection<U>; far: TcpConnection<U> }> {
  const listener = probe.poller.listenTcp({ address: '127.0.0.1', port: 0 })
  const far = probe.poller.connectTcp(listener.localAddress)
  await probe.until('both ends are connected', () => {
    return (
      probe.seen('connect', far).length > 0 &&
      probe.events.some((event) => event.type === 'accept' && event.listener === listener)
    )
  })
  const near = probe.seen('accept').find((event) => event.listener === listener)
    ?.socket as TcpConnection<U>
  return { listener, near, far }
}

/** What `action` throws; fails when it throws nothing. */
export function thrownBy(
  action: () => unknown
): Error & { code?: string; syscall?: string; errno?: number } {
  try {
    action()
  } catch (error) {
    return error as Error
  }
  throw new Error(`expected an exception, but none came from: ${action}`)
}
