// Records and the outbox, TypeScript's side: a program with a Poller on a system that an input
// decides about (fake-system.ts). Bytes come and go whole and in order, `close` is a socket's last
// event and comes once, no handle is lost, and the counters agree. Input: what both of them do.
import assert from 'node:assert/strict'
import {
  type PollEvent,
  Poller,
  SocketError,
  type TcpConnection,
  type UdpSocket
} from '../../../lib/index.ts'
import { FakeSystem } from '../fake-system.ts'
import { Input } from '../input.ts'

const PEER = { address: '192.0.2.1', port: 7 }
const MAX_STEPS = 200
const MOST_CALM_WAITS = 50

/** What the program knows of one of its connections: its userPtr. */
class Known {
  sent = 0
  received = 0
  hasBegun: boolean
  isClosed = false
  constructor(hasBegun: boolean) {
    this.hasBegun = hasBegun
  }
}

type Connection = TcpConnection<Known>

class Program {
  readonly #input: Input
  readonly #system: FakeSystem
  readonly #poller: Poller<Known>
  readonly #connections: Connection[] = []
  readonly #given = new Map<Connection, boolean>()
  #udp: UdpSocket<Known> | undefined
  readonly #udpHandles: number[] = []
  #datagrams = 0

  constructor(input: Input, system: FakeSystem) {
    this.#input = input
    this.#system = system
    this.#poller = new Poller<Known>({ highWaterMarkBytes: 100, maxEvents: 8 })
  }

  run(): void {
    for (let step = 0; step < MAX_STEPS && !this.#input.isOver; step++) {
      this.#act(this.#input.below(14))
      this.#check()
    }
    this.#end()
  }

  #act(what: number): void {
    if (what < 4) return this.#wait()
    if (what === 4)
      return this.#attempt(() => this.#add(this.#poller.connectTcp(PEER, new Known(false))))
    if (what === 5)
      return this.#attempt(() => void this.#poller.listenTcp({ address: '127.0.0.1', port: 0 }))
    if (what === 6) return this.#poller.flush()
    if (what === 7) return this.#withUdp()
    if (what === 8) return this.#broadcast()
    const connection = this.#connections[this.#input.byte() % Math.max(this.#connections.length, 1)]
    if (connection !== undefined) this.#use(connection, what)
  }

  /**
   * The system may refuse to watch what was opened: then it is closed again, and the program hears
   * of it.
   */
  #attempt(open: () => void): void {
    try {
      open()
    } catch (error) {
      if (!(error instanceof SocketError)) throw error
    }
  }

  #add(connection: Connection): void {
    this.#connections.push(connection)
  }

  #use(connection: Connection, what: number): void {
    const known = connection.userPtr as Known
    // Somebody who has seen the close does not use it again.
    if (known.isClosed || connection.closed || this.#given.get(connection)) return
    const how = this.#input.below(8)
    if (what < 12 || how === 0)
      this.#send(connection, known, this.#input.byte() * (how === 1 ? 400 : 1))
    else if (how === 1) connection.pause()
    else if (how === 2) connection.resume()
    else if (how === 3) connection.end()
    else if (how === 4) this.#close(connection, () => connection.close())
    else if (how === 5) this.#close(connection, () => connection.reset())
    else if (how === 6) this.#detach(connection)
    else connection.setIdleTimeout(1e9)
  }

  #close(connection: Connection, close: () => void): void {
    this.#given.set(connection, true)
    close()
  }

  /** Bytes that are numbered, so that a gap, a repetition or a stranger shows. */
  #send(connection: Connection, known: Known, length: number): void {
    const data = Uint8Array.from({ length }, (_, at) => known.sent + at)
    const before = connection.bytesSent + connection.bufferedBytes
    try {
      connection.send(data)
    } catch (error) {
      if ((error as { code?: string }).code !== 'EPIPE') throw error // after end()
    }
    data.fill(0) // it was copied
    if (!connection.closed) known.sent += connection.bytesSent + connection.bufferedBytes - before
  }

  #broadcast(): void {
    const to = this.#connections.filter(
      (connection) => !connection.closed && !this.#given.get(connection)
    )
    const same = to.filter((connection) => ((connection.userPtr as Known).sent & 255) === 0)
    const before = same.map((connection) => connection.bytesSent + connection.bufferedBytes)
    this.#poller.broadcast(
      same,
      Uint8Array.from({ length: this.#input.byte() }, (_, at) => at)
    )
    for (const [at, connection] of same.entries()) {
      if (connection.closed) continue
      const known = connection.userPtr as Known
      known.sent += Math.max(connection.bytesSent + connection.bufferedBytes - before[at], 0)
    }
  }

  #detach(connection: Connection): void {
    try {
      this.#system.handles.delete(connection.detach()) // another's from now on
      this.#given.set(connection, true)
    } catch (error) {
      // ECONNRESET and EPIPE: what a send has met, and its `close` is about to come.
      if (!['EBUSY', 'EBADF', 'ECONNRESET', 'EPIPE'].includes((error as { code: string }).code))
        throw error
    }
  }

  #withUdp(): void {
    if (this.#udp === undefined) {
      return this.#attempt(() => {
        this.#udp = this.#poller.bindUdp({ address: '127.0.0.1', port: 0 })
        this.#udpHandles.push(this.#udp.handle)
      })
    }
    const how = this.#input.below(16)
    if (how === 15) {
      this.#udp.close()
      this.#udp = undefined
    } else
      this.#udp.send(
        Uint8Array.of(this.#datagrams >> 8, this.#datagrams++, ...Array(how).fill(0)),
        PEER
      )
  }

  #wait(): void {
    for (const event of this.#poller.wait(0)) this.#see(event)
  }

  #see(event: PollEvent<Known>): void {
    if (event.type === 'accept') {
      event.socket.userPtr = new Known(true)
      return this.#add(event.socket)
    }
    const known = 'userPtr' in event ? event.userPtr : undefined
    if (known === undefined) return
    assert(!known.isClosed, `${event.type} after close`)
    if (event.type === 'close') known.isClosed = true
    else
      assert.notEqual(
        known.hasBegun,
        event.type === 'connect',
        'a connection begins once, and before all else'
      )
    if (event.type === 'connect') known.hasBegun = true
    if (event.type === 'receive') {
      for (const byte of event.data)
        assert.equal(byte, known.received++ & 255, 'what was received is what the peer sent')
    }
    // A program may do something in the midst of a batch.
    const what = this.#system.isCalm ? 0 : this.#input.below(16)
    if (what > 8 && event.type !== 'close' && 'socket' in event)
      this.#use(event.socket as Connection, what)
  }

  /** What must hold after each step. */
  #check(): void {
    assert.equal(
      this.#poller.stats.sockets,
      this.#system.watched.size,
      'the poller and the system know the same sockets'
    )
    for (const [handle, taken] of this.#system.takenBy) {
      const connection = this.#connections.find((one) => one.handle === handle)
      if (connection === undefined) continue
      const bytes = Buffer.concat(taken)
      if (!bytes.every((byte, at) => byte === (at & 255)))
        assert.fail('the peer got something else than was sent')
      assert(bytes.length <= (connection.userPtr as Known).sent, 'more than was sent')
      if (!connection.closed)
        assert(
          connection.bufferedBytes >= 0 &&
            connection.bytesSent <= bytes.length + connection.bufferedBytes
        )
    }
  }

  /**
   * Without faults everything ends: what is queued goes out, every socket reports its close, no
   * handle stays.
   */
  #end(): void {
    this.#system.isCalm = true
    const alive = this.#connections.filter(
      (connection) => !connection.closed && !this.#given.get(connection)
    )
    for (let waits = 0; waits < MOST_CALM_WAITS; waits++) this.#wait()
    for (const connection of alive) {
      if (connection.closed || !(connection.userPtr as Known).hasBegun) continue
      assert.equal(connection.bufferedBytes, 0, 'what was queued has gone out')
      const taken = this.#system.takenBy.get(connection.handle) as Uint8Array[]
      assert.equal(Buffer.concat(taken).length, connection.bytesSent, 'and is counted')
    }
    for (const connection of alive) if (!connection.closed) connection.reset()
    this.#wait()
    for (const connection of this.#connections) {
      const isDetached = this.#given.get(connection) && !this.#system.handles.has(connection.handle)
      assert(
        (connection.userPtr as Known).isClosed || isDetached,
        'every socket has reported its close'
      )
    }
    this.#poller.close()
    assert.equal(this.#poller.stats.sockets, 0)
    assert.deepEqual([...this.#system.handles], [], 'no handle stays open')
    this.#checkDatagrams()
  }

  /** Of datagrams some are dropped, none is doubled or overtaken. */
  #checkDatagrams(): void {
    for (const handle of this.#udpHandles) {
      const numbers = (this.#system.takenBy.get(handle) ?? []).map(
        (bytes) => bytes[0] * 256 + bytes[1]
      )
      for (const [at, number] of numbers.entries())
        assert(at === 0 || number > numbers[at - 1], 'datagrams keep their order')
    }
  }
}

export function fuzz(data: Uint8Array): void {
  const input = new Input(data)
  const system = new FakeSystem(input)
  system.during(() => new Program(input, system).run())
}
