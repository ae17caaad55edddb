// For tests over real sockets: a lobby of one's own, and players on Node's own `net`, which was
// written by others.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, vi } from 'vitest'
import type { ArenaView } from '../games/coin-arena/rules.ts'
import { defaultSettings, type Settings } from '../server/config.ts'
import { type LobbyOptions, LobbyServer } from '../server/server.ts'
import type { ServerMessage } from '../wire/protocol.ts'
import { TOKEN } from './operator-door.ts'
import type { ArenaState } from './table.ts'

/** Generous: nothing in these tests takes a hundredth of it. */
const DEADLINE_MS = 45_000
vi.setConfig({ testTimeout: 4 * DEADLINE_MS })

/** Nobody is too slow, unless a test is about that: see {@link MOST_BETWEEN_LOOKS_MS}. */
const patience = {
  signInMs: 3_600_000,
  goodbyeMs: 60_000,
  resumeMs: 3_600_000,
  idleMs: 3_600_000,
  visitMs: 3_600_000,
  udpSilenceMs: 3_600_000
}

/** And everybody comes from the one address of this machine. */
const oneAddress = {
  maxConnectionsPerAddress: 1_000_000,
  maxSignInsPerAddress: 1_000_000,
  maxRoomsPerAddress: 1_000_000,
  maxNewRoomsPerAddress: 1_000_000
}

/** What a player needs to know of a lobby. */
interface Door {
  port: number
}

type MessageOf<T extends ServerMessage['type']> = Extract<ServerMessage, { type: T }>

export async function openLobby(
  settings: Partial<Settings> = {},
  options?: LobbyOptions
): Promise<LobbyServer> {
  const anyPort = { port: 0, udpPort: 0, webPort: 0, operatorPort: 0 }
  const own = {
    ...defaultSettings,
    ...anyPort,
    ...patience,
    ...oneAddress,
    countdownMs: 0,
    operatorToken: TOKEN,
    ...settings
  }
  const server = await LobbyServer.open('127.0.0.1', '127.0.0.1', own, options)
  onTestFinished(async () => {
    server.stop()
    await server.ended
  })
  return server
}

/**
 * A machine that stands still for a while, as virtual ones do, is no reason to give up: between two
 * looks no more than that counts.
 */
const MOST_BETWEEN_LOOKS_MS = 100

/**
 * Waits until `isTrue`, looking again after each turn of Node's loop that brought something.
 * Returns for how long.
 */
export async function until(what: string, isTrue: () => boolean): Promise<number> {
  let waitedMs = 0
  let lookedMs = performance.now()
  while (!isTrue()) {
    if (waitedMs > DEADLINE_MS) throw new Error(`never happened: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
    const nowMs = performance.now()
    waitedMs += Math.min(nowMs - lookedMs, MOST_BETWEEN_LOOKS_MS)
    lookedMs = nowMs
  }
  return waitedMs
}

/** Somebody who hears messages and sends some, by whatever way they go. */
export abstract class Participant {
  readonly heard: ServerMessage[] = []
  /** The server has said its end. */
  hasEnded = false
  isClosed = false
  #read = 0
  #pings = 0

  abstract send(message: object): void

  /**
   * The next message of this kind that was not looked at before; what comes before it counts as
   * looked at.
   */
  async next<T extends ServerMessage['type']>(type: T): Promise<MessageOf<T>> {
    let found: ServerMessage | undefined
    await until(`${type}, but ${JSON.stringify(this.heard.slice(this.#read))}`, () => {
      while (found === undefined && this.#read < this.heard.length) {
        const message = this.heard[this.#read++]
        if (message.type === type) found = message
      }
      return found !== undefined
    })
    return found as MessageOf<T>
  }

  async refused(code: string): Promise<void> {
    expect((await this.next('error')).code).toBe(code)
  }

  /** All of one kind, looked at or not. */
  all<T extends ServerMessage['type']>(type: T): MessageOf<T>[] {
    return this.heard.filter((message) => message.type === type) as MessageOf<T>[]
  }

  /** Gets an answer: whatever this player sent before has been dealt with. */
  async answered(): Promise<void> {
    this.send({ type: 'ping', id: ++this.#pings })
    while ((await this.next('pong')).id !== this.#pings) {}
  }

  /** Whatever others did: this player gets an answer at once and was never refused anything. */
  async isUndisturbed(): Promise<void> {
    const id = ++this.#pings
    this.send({ type: 'ping', id })
    const waitedMs = await until('the answer', () => this.all('pong').at(-1)?.id === id)
    expect(waitedMs).toBeLessThan(2_000)
    expect(this.all('error')).toEqual([])
    expect(this.hasEnded).toBe(false)
  }
}

export class Person extends Participant {
  readonly socket: Socket
  error: NodeJS.ErrnoException | undefined
  #rest: Buffer = Buffer.alloc(0)

  /** `from`: its own address, one of 127/8. */
  constructor(port: number, from?: string) {
    super()
    this.socket = this.open(port, from)
    this.socket.on('data', (data) => this.#onData(data))
    this.socket.on('end', () => {
      this.hasEnded = true
    })
    this.socket.on('close', () => {
      this.isClosed = true
    })
    this.socket.on('error', (error) => {
      this.error = error
    })
    onTestFinished(() => void this.socket.destroy())
  }

  /** Somebody who has connected and has been greeted. */
  static async arrive(server: Door, from?: string): Promise<Person> {
    const person = new Person(server.port, from)
    await person.next('hello')
    return person
  }

  /** Somebody with a name. */
  static async signIn(
    server: Door,
    name: string,
    from?: string,
    account?: string
  ): Promise<Person> {
    const person = await Person.arrive(server, from)
    person.send({ type: 'name', name, account })
    await person.next('welcome')
    return person
  }

  /** Several people in one room; with several doors, each comes by its own. */
  static async roomOf(at: Door | Door[], ...names: string[]): Promise<Person[]> {
    const people: Person[] = []
    for (const [number, name] of names.entries()) {
      const person = await Person.signIn(Array.isArray(at) ? at[number] : at, name)
      person.send({ type: people.length === 0 ? 'create' : 'join', room: 'Den' })
      await person.next('joined')
      people.push(person)
    }
    return people
  }

  protected open(port: number, from: string | undefined): Socket {
    return connect({ port, host: '127.0.0.1', localAddress: from, noDelay: true })
  }

  send(message: object): void {
    this.sendFrame(JSON.stringify(message))
  }

  sendFrame(content: string | Buffer): void {
    const body = Buffer.from(content as string)
    const length = Buffer.alloc(2)
    length.writeUInt16BE(body.length)
    this.socket.write(Buffer.concat([length, body]))
  }

  /** The server has said its end and closed, in order and not by a reset. */
  async isSentAway(): Promise<void> {
    await until('the connection is closed', () => this.isClosed)
    expect(this.error).toBeUndefined()
    expect(this.hasEnded).toBe(true)
  }

  async disconnect(): Promise<void> {
    if (this.isClosed) return
    this.socket.destroy()
    await once(this.socket, 'close')
  }

  #onData(data: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, data])
    while (this.#rest.length >= 2 && this.#rest.length >= 2 + this.#rest.readUInt16BE(0)) {
      const end = 2 + this.#rest.readUInt16BE(0)
      this.heard.push(JSON.parse(this.#rest.toString('utf8', 2, end)))
      this.#rest = this.#rest.subarray(end)
    }
  }
}

/** The states of the coin arena that came by the connection. */
export function arenas(participant: Participant): ArenaState[] {
  return participant.all('state').map(({ view, ...state }) => {
    return { ...state, ...(view as ArenaView) }
  })
}
