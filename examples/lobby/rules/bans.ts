// Who an operator keeps out: by the key of a name and the account of its player, by an address, or
// by all of them, and until when. Pure:
// the time is passed in, in milliseconds since 1970, since a ban outlives the server.

export interface Ban {
  /** Counts up; operators lift a ban by it. */
  id: number
  /** The name as it was written; undefined if the ban is for an address alone. */
  name?: string
  /** By which the name is compared, as in the table of players. */
  key?: string
  /** Of the player with that name: under whatever name it comes back. See accounts.ts. */
  account?: string
  /** As limits count it: of IPv6 the /64. */
  address?: string
  /** Shown to the player. */
  reason: string
  /** The operator. */
  by: string
  atMs: number
  untilMs: number
}

const MARKS = ['key', 'account', 'address'] as const
type Mark = (typeof MARKS)[number]
/** By the value of a mark. */
const Index = Map<string, Ban>

/** More are refused. */
export const MAX_BANS = 10_000

export class Bans {
  readonly #byId = new Map<number, Ban>()
  /** For each field by which somebody is known again. */
  readonly #indexes = { key: new Index(), account: new Index(), address: new Index() }
  #nextId = 1

  /** Goes on from what a store has kept. */
  constructor(kept: Iterable<Ban> = []) {
    for (const ban of kept) this.add(ban)
  }

  get size(): number {
    return this.#byId.size
  }

  /** The number for the next ban. */
  get nextId(): number {
    return this.#nextId
  }

  /** A newer ban of the same name or address replaces an older one. Returns those replaced. */
  add(ban: Ban): Ban[] {
    const replaced = [...this.#byId.values()].filter(
      ({ key, account, address }) =>
        key === ban.key && account === ban.account && address === ban.address
    )
    for (const { id } of replaced) this.delete(id)
    this.#byId.set(ban.id, ban)
    for (const mark of MARKS) this.#index(mark, ban[mark])
    this.#nextId = Math.max(this.#nextId, ban.id + 1)
    return replaced
  }

  delete(id: number): Ban | undefined {
    const ban = this.#byId.get(id)
    if (ban === undefined) return undefined
    this.#byId.delete(id)
    for (const mark of MARKS) this.#index(mark, ban[mark])
    return ban
  }

  /** The ban that keeps somebody with one of these out now. */
  of(marks: { [mark in Mark]?: string }, nowMs: number): Ban | undefined {
    const found = MARKS.map((mark) => this.#indexes[mark].get(marks[mark] ?? ''))
    return found.find((ban) => ban !== undefined && nowMs < ban.untilMs)
  }

  /** The bans that have not ended, the oldest first. */
  list(nowMs: number): Ban[] {
    return [...this.#byId.values()].filter(({ untilMs }) => nowMs < untilMs)
  }

  /** Forgets the bans that have ended. Returns them. */
  takeEnded(nowMs: number): Ban[] {
    const ended = [...this.#byId.values()].filter(({ untilMs }) => nowMs >= untilMs)
    for (const { id } of ended) this.delete(id)
    return ended
  }

  /** There can be several for one name, with different addresses: the longest one counts. */
  #index(mark: Mark, value: string | undefined): void {
    if (value === undefined) return
    const index = this.#indexes[mark]
    let longest: Ban | undefined
    for (const ban of this.#byId.values()) {
      if (ban[mark] === value && ban.untilMs > (longest?.untilMs ?? 0)) longest = ban
    }
    if (longest === undefined) index.delete(value)
    else index.set(value, longest)
  }
}
