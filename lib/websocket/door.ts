// Where connections come in: one listener, and the WebSocketServers that share it by path. Makes a
// handshake of each connection, and bounds how many there are.
import type { Duplex } from 'node:stream'
import { invalidArgValue } from '../errors.ts'
import { toDuplex } from '../helpers/duplex.ts'
import type { TcpConnection } from '../poller/tcp-connection.ts'
import type { TcpListener } from '../poller/tcp-listener.ts'
import { ownConnection } from './connection-events.ts'
import type { Link } from './link.ts'
import { PendingHandshake, type ServerSide, type Servers } from './pending-handshake.ts'
import type { SecureDoor } from './secure-door.ts'
import { StreamLink } from './stream-link.ts'

const doors = new WeakMap<object, Door>()

/** Somebody who is not a WebSocket yet: within TLS, or within the handshake. */
export interface Arriving {
  drop(): void
}

/** A server, and what it asks of the door. */
export interface Tenant extends ServerSide<unknown> {
  readonly maxHandshakes: number
  readonly secureDoor: SecureDoor | undefined
  /** A stream of Node's has begun, and needs turns of Node's loop. */
  onStream(): void
}

export class Door implements Servers {
  readonly #servers: Tenant[] = []
  /** The oldest first. */
  readonly #handshakes = new Set<Arriving>()
  readonly #listener: TcpListener<unknown> | undefined

  private constructor(listener: TcpListener<unknown> | undefined) {
    this.#listener = listener
    listener?.divert((event) => {
      // Its errors (no descriptor is left) are not the end of it: it goes on by itself.
      if (event.type === 'accept') this.accept(event.socket)
      else if (event.type === 'error') this.#servers[0]?.onError(event.error)
    })
  }

  /** The door of a listener, made when the first server asks for it; or one without a listener. */
  static of(listener: TcpListener<unknown> | undefined): Door {
    if (listener === undefined) return new Door(undefined)
    let door = doors.get(listener)
    if (door === undefined) {
      door = new Door(listener)
      doors.set(listener, door)
    }
    return door
  }

  get servers(): readonly Tenant[] {
    return this.#servers
  }

  /** @throws TypeError if the servers here have TLS and it has none, or the other way round */
  add(server: Tenant): void {
    const [first = server] = this.#servers
    const isSecure = server.secureDoor !== undefined
    // TLS comes before the path: one that has it would get plain connections without a word.
    if ((first.secureDoor !== undefined) !== isSecure)
      throw invalidArgValue(
        'tls',
        isSecure,
        `the other servers of its listener have ${isSecure ? 'none' : 'it'}`
      )
    this.#servers.push(server)
  }

  /** The last one gives the listener back. */
  delete(server: Tenant): void {
    this.#servers.splice(this.#servers.indexOf(server), 1)
    if (this.#servers.length > 0) return
    // What is still within TLS, whichever server it entered by. A handshake that has begun is its
    // server's to end.
    for (const one of [...this.#handshakes]) if (!(one instanceof PendingHandshake)) one.drop()
    if (this.#listener === undefined) return
    doors.delete(this.#listener)
    if (!this.#listener.closed) this.#listener.divert(undefined)
  }

  /** A connection of which nothing was read but `received`. */
  accept(connection: TcpConnection<unknown>, received?: Buffer): void {
    const [first] = this.#servers
    // The last server has closed, in the very batch in which this was accepted.
    if (first === undefined) return turnAway(connection)
    if (first.secureDoor === undefined) {
      const handshake = this.begin(connection)
      ownConnection(connection, handshake)
      if (received !== undefined) handshake._onReceive(received)
      return
    }
    first.onStream()
    first.secureDoor.enter(connection, this, received)
  }

  handOver(link: Link, bytes: Buffer): Duplex {
    if (link instanceof StreamLink) return link.release(bytes)
    this.#servers[0]?.onStream()
    const stream = toDuplex(link as TcpConnection<unknown>)
    stream.unshift(bytes)
    return stream
  }

  onDone(handshake: Arriving): void {
    this.#handshakes.delete(handshake)
  }

  /** A connection, plain or by now secure, of which the request is to come. */
  begin(link: Link): PendingHandshake {
    const [first] = this.#servers
    const handshake = new PendingHandshake(link, this, first)
    this.count(handshake)
    return handshake
  }

  /** The newest is admitted, so that a crowd that says nothing keeps nobody out. */
  count(arriving: Arriving): void {
    this.#handshakes.add(arriving)
    const [first] = this.#servers
    if (this.#handshakes.size <= first.maxHandshakes) return
    const [oldest] = this.#handshakes
    this.#handshakes.delete(oldest)
    oldest.drop()
  }
}

/** Closes it, without an event for the program, which never had it. */
function turnAway(connection: TcpConnection<unknown>): void {
  connection.divert(() => {})
  connection.reset()
}
