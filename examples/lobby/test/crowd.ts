// A crowd at a cluster, and what must hold of it whatever happens to nodes and to Redis: no seat
// twice, no room with two owners, no finished match lost. Depends on no test runner.
import { setTimeout as delay } from 'node:timers/promises'
import { changesOf } from '../cluster/skill-changes.ts'
import type { MatchRecord } from '../rules/records.ts'
import { FIRST_SKILL } from '../rules/skills.ts'
import type { Cluster, ClusterNode, Door } from './cluster.ts'
import { Guest } from './guests.ts'
import { until } from './patience.ts'

const LOOK_EVERY_MS = 200
/**
 * Nodes are asked one after the other, and who moves between may be seen at both: in so many looks
 * in a row nobody is.
 */
const LOOKS_OF_A_MOVE = 4
/** Skills have one digit after the point. */
const ROUNDING = 0.05

/** Finds what is at two nodes for longer than a move takes. */
class Doubles {
  readonly #since = new Map<string, number>()

  /** Those that are at several nodes in so many looks that no move can be the reason. */
  look(places: ReadonlyMap<string, readonly string[]>): string[] {
    const at = new Map<string, string[]>()
    for (const [node, names] of places)
      for (const name of names) at.set(name, [...(at.get(name) ?? []), node])
    const found: string[] = []
    for (const [name, nodes] of at) {
      if (nodes.length < 2) {
        this.#since.delete(name)
        continue
      }
      const looks = (this.#since.get(name) ?? 0) + 1
      this.#since.set(name, looks)
      if (looks === LOOKS_OF_A_MOVE) found.push(`${name} at ${nodes.join(' and ')}`)
    }
    return found
  }
}

export class Crowd {
  readonly guests: Guest[] = []
  readonly broken: string[] = []
  readonly #cluster: Cluster
  readonly #end = new AbortController()
  readonly #looking: Promise<void>
  readonly #seats = new Doubles()
  readonly #rooms = new Doubles()
  /** Nodes that cannot answer now, and must not be asked: they are stopped. */
  readonly silent = new Set<string>()
  /** Where guests go; those that run, if nothing else is said. */
  doors: () => readonly Door[]
  looks = 0

  constructor(cluster: Cluster, guests: number) {
    this.#cluster = cluster
    this.doors = () => cluster.living
    for (let number = 0; number < guests; number++)
      this.guests.push(new Guest(`guest ${number}`, () => this.doors(), number))
    this.#looking = this.#watch()
  }

  get ends(): number {
    return this.guests.reduce((sum, { report }) => sum + report.ends.length, 0)
  }

  /** How often one of them had to come back, and how many rooms were lost. */
  get interruptions(): number {
    return this.guests.reduce((sum, { report }) => sum + report.resumes + report.lostRooms, 0)
  }

  get lostSeats(): string[] {
    return this.guests.flatMap(({ name, report }) =>
      report.lostSeats.map((code) => `${name}: ${code}`)
    )
  }

  /** Everybody is served from now on. Returns how long that took. */
  async allServed(withinMs: number): Promise<number> {
    const nowMs = performance.now()
    const missing = () => this.guests.filter((guest) => !guest.isServedSince(nowMs))
    return await until(
      () => `everybody is served, but for ${missing().join('\n')}`,
      () => missing().length === 0,
      withinMs
    )
  }

  /** So many more matches have ended, for so many players. */
  async moreEnds(count: number, withinMs: number): Promise<void> {
    const wanted = this.ends + count
    await until(
      () => `${wanted} ends of matches; there are ${this.ends}`,
      () => this.ends >= wanted,
      withinMs
    )
  }

  /**
   * The whole lobby works at these nodes: strangers come in at each of them, one makes a room, and
   * the others find it, come into it and talk there. Returns how long it took.
   */
  async works(nodes: readonly ClusterNode[], withinMs: number): Promise<number> {
    const number = ++this.#strangers
    let tookMs = 0
    const left = () => Math.max(1, withinMs - tookMs)
    const strangers = nodes.map((node, at) => {
      const stranger = new Guest(`stranger ${number}.${at}`, () => [node])
      stranger.plays = false
      return stranger
    })
    try {
      const room = `Den ${number}`
      const [host, ...others] = strangers
      const made = { type: 'create', room, capacity: 8 }
      tookMs += await host.ask(made, 'joined', () => true, left())
      for (const other of others) {
        const isThis = (joined: { room: string }) => joined.room === room
        tookMs += await other.ask({ type: 'join', room }, 'joined', isThis, left())
        const text = `hello from ${other.name}`
        let heard = false
        host.onChat = (line) => {
          heard ||= line === text
        }
        other.send({ type: 'say', text })
        tookMs += await until(
          () => `${text} in ${room}`,
          () => heard,
          left()
        )
      }
      return tookMs
    } finally {
      for (const stranger of strangers) {
        stranger.send({ type: 'sign-out' })
        stranger.end()
      }
    }
  }
  #strangers = 0

  /**
   * After the nodes have ended: every match whose end somebody got is on a disk, and no match is
   * on two. Returns how many there were.
   */
  async checkMatches(): Promise<number> {
    // Without a number that is the same for players and disks: two matches may have ended alike.
    const likeness = ({
      scores,
      winners,
      skills
    }: Pick<MatchRecord, 'scores' | 'winners' | 'skills'>) =>
      JSON.stringify([scores, winners, skills])
    const kept = new Map<string, number>()
    const places = new Map<string, string>()
    for (const [node, matches] of await this.#cluster.kept())
      for (const match of matches) {
        kept.set(likeness(match), (kept.get(likeness(match)) ?? 0) + 1)
        const key = `${match.endedAtMs} ${match.room} ${likeness(match)}`
        const other = places.get(key)
        if (other !== undefined) this.broken.push(`${key} is kept by ${other} and by ${node}`)
        places.set(key, node)
      }
    const heard = new Map<string, string>()
    for (const { report } of this.guests)
      for (const end of report.ends) heard.set(end.seed, likeness(end))
    const alike = new Map<string, number>()
    for (const like of heard.values()) alike.set(like, (alike.get(like) ?? 0) + 1)
    for (const [like, count] of alike)
      if ((kept.get(like) ?? 0) < count)
        this.broken.push(`${like} ended ${count} times, and is kept ${kept.get(like) ?? 0} times`)
    return heard.size
  }

  /** Nobody begins a match any more. Fulfilled when none runs. */
  async rest(withinMs: number): Promise<void> {
    for (const guest of this.guests) guest.plays = false
    const playing = () => this.guests.filter(({ isPlaying }) => isPlaying)
    await until(
      () => `no match runs, but for ${playing().join('\n')}`,
      () => playing().length === 0,
      withinMs
    )
  }

  /**
   * After the nodes have ended: what Redis has of each guest's skill is the sum of all matches on
   * all disks. A player who was told of a skill while results were on their way may have seen
   * another one.
   */
  async checkSkills(): Promise<void> {
    const skills = new Map(this.guests.map(({ name }) => [name, FIRST_SKILL]))
    for (const matches of (await this.#cluster.kept()).values())
      for (const { name, change = 0 } of matches.flatMap(changesOf))
        skills.set(name, (skills.get(name) ?? FIRST_SKILL) + change)
    if ([...skills.values()].every((skill) => skill === FIRST_SKILL))
      this.broken.push('no match has changed a skill')
    const directory = await this.#cluster.openDirectory()
    for (const [name, skill] of skills) {
      const kept = (await directory.standing('', name))?.skill ?? FIRST_SKILL
      if (Math.abs(kept - skill) > ROUNDING)
        this.broken.push(`${name} should have skill ${skill.toFixed(1)}, and has ${kept}`)
    }
    await directory.leave()
    directory.close()
  }

  /** What was broken until now. */
  problems(): string[] {
    return [...this.broken, ...this.guests.flatMap(({ report }) => report.broken)]
  }

  async end(): Promise<void> {
    this.#end.abort()
    await this.#looking
    for (const guest of this.guests) guest.end()
  }

  async #watch(): Promise<void> {
    while (!this.#end.signal.aborted) {
      await delay(LOOK_EVERY_MS, undefined, { signal: this.#end.signal }).catch(() => {})
      const nodes = this.#cluster.living.filter(({ id }) => !this.silent.has(id))
      const seats = new Map<string, string[]>()
      const rooms = new Map<string, string[]>()
      await Promise.all(
        nodes.map(async (node) => {
          // Past its lease it owns nothing, whatever it remembers, and says nothing to players.
          const maySpeak = async () => (await node.figures())?.cluster?.maySpeak === true
          if (!(await maySpeak())) return
          const [players, own] = [await node.players(), await node.rooms()]
          if (!(await maySpeak())) return
          if (players !== undefined) seats.set(node.id, players)
          if (own !== undefined) rooms.set(node.id, own)
        })
      )
      for (const seat of this.#seats.look(seats)) this.broken.push(`a seat twice: ${seat}`)
      for (const room of this.#rooms.look(rooms)) this.broken.push(`a room twice: ${room}`)
      this.looks++
    }
  }
}
