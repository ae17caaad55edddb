// For tests of what stands before the rules of a node: a lobby without sockets, a directory in
// memory, and time that passes when the test says so. What goes to other nodes is an array.
import { pino } from 'pino'
import type { NodeInfo } from '../cluster/directory.ts'
import { Front } from '../cluster/front.ts'
import { type MemoryDirectory, MemoryEngine } from '../cluster/memory-directory.ts'
import type { Place } from '../place.ts'
import type { NodeRef, Passport } from '../rules/passport.ts'
import type { Session } from '../rules/session.ts'
import type { Settings } from '../server/config.ts'
import { Clock } from './clock.ts'
import { Table } from './table.ts'

const load = { players: 0, rooms: 0, matches: 0, isDraining: false }

/** A client on its way to another node. */
export interface Move {
  readonly session: Session
  readonly to: NodeRef
  readonly passport: Passport | undefined
  readonly frames: readonly Uint8Array[]
}

export class FrontNode {
  readonly engine: MemoryEngine
  readonly clock: Clock
  readonly place: Place
  readonly table: Table
  readonly front: Front
  readonly directory: MemoryDirectory
  readonly moves: Move[] = []
  /** Alarms that were set, by whatever. */
  alarms = 0
  maySpeak = true
  hasLeft = false
  /** The ids of nodes to which there is no link. */
  readonly unlinked = new Set<string>()
  readonly #id: string
  readonly #closed = new Set<Session>()

  constructor(engine: MemoryEngine, clock: Clock, id: string, settings: Partial<Settings> = {}) {
    this.#id = id
    this.engine = engine
    this.clock = clock
    const { alarm, ...place } = clock.place(0)
    this.place = {
      ...place,
      alarm: (callback) => {
        this.alarms++
        return alarm(callback)
      }
    }
    const log = pino({ level: 'silent' })
    this.front = new Front(
      this.place,
      log,
      () => this.maySpeak,
      ({ id }) => !this.unlinked.has(id)
    )
    this.table = new Table(settings, undefined, this.front)
    this.directory = engine.open(this.place, { ...this.front.events, order() {} })
    this.front.start(this.directory, {
      lobby: this.table.lobby,
      has: (session) => this.has(session),
      tell: (session, message) => this.table.tell(session, message),
      move: (session, to, passport, frames) => {
        this.#closed.add(session) // it is none of this node's any more
        this.moves.push({ session, to, passport, frames })
      },
      canMove: () => true,
      showPassport() {}
    })
  }

  get self(): NodeRef {
    return this.front.self
  }

  async join(): Promise<void> {
    const address = `${this.#id}:7000`
    const joined = this.directory.join({
      id: this.#id,
      address,
      operatorAddress: address,
      secret: Buffer.alloc(32),
      journal: `journal of ${this.#id}`
    })
    await this.clock.pass(10)
    this.front.self = { id: this.#id, epoch: (await joined).epoch }
    this.table.lobby.useKey(Buffer.alloc(32))
  }

  /** What it has is free, and it says no more. */
  async leave(): Promise<void> {
    this.hasLeft = true
    this.front.stop()
    const left = this.directory.leave()
    await this.clock.pass(10)
    await left
  }

  /** Returns the generation. */
  async renew(settled?: string): Promise<string> {
    const renewed = this.directory.renew({ load, knows: 0, dead: [], settled })
    await this.clock.pass(10)
    const { nodes, generation, wanted, passed } = await renewed
    this.front.expectRooms(passed)
    this.front.setNodes(nodes as readonly NodeInfo[])
    if (wanted.length > 0) await this.front.letGo(wanted).catch(() => {})
    return generation
  }

  has(session: Session): boolean {
    return !this.#closed.has(session) && !this.table.dismissed.has(session)
  }

  /** Sends a command, and waits for what comes of it. */
  async do(session: Session, command: object): Promise<void> {
    this.front.receive(session, Buffer.from(JSON.stringify(command)))
    await this.pass(20)
  }

  async signIn(name: string): Promise<Session> {
    const session = this.table.arrive()
    await this.do(session, { type: 'name', name })
    return session
  }

  /** A connection of this node comes back with a token. */
  resume(token: string): Session {
    const session = this.table.arrive()
    this.table.heard(session)
    this.front.receive(session, Buffer.from(JSON.stringify({ type: 'resume', token })))
    return session
  }

  /** A client of another node comes here. */
  adopt({ passport, frames }: Pick<Move, 'passport' | 'frames'>): Session {
    const session = this.table.connection()
    this.front.adopt(session, passport, frames)
    return session
  }

  lose(session: Session): void {
    this.#closed.add(session)
    this.table.lobby.lose(session, this.table.nowMs)
  }

  async pass(ms: number): Promise<void> {
    await this.clock.pass(ms)
    this.table.nowMs = this.place.nowMs()
  }

  heard(session: Session): string[] {
    return this.table
      .heard(session)
      .map((message) => (message.type === 'error' ? message.code : message.type))
  }
}

/** Nodes that know each other, and may give away names. */
export async function frontNodes(count: number, settings: Partial<Settings> = {}) {
  const clock = new Clock()
  const engine = new MemoryEngine(clock.place(0))
  const nodes: FrontNode[] = []
  for (let number = 1; number <= count; number++) {
    const node = new FrontNode(engine, clock, `n${number}`, settings)
    nodes.push(node)
    await node.join()
  }
  const renewAll = async (settled?: string) => {
    let generation = ''
    for (const node of nodes) if (!node.hasLeft) generation = await node.renew(settled)
    await clock.pass(20)
    return generation
  }
  await renewAll(await renewAll())
  const [one, two, three] = nodes
  return { clock, engine, nodes, one, two, three, renewAll }
}
