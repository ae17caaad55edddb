// Who an operator keeps out: by the key of a name, by an address, or by both, and until when. Pure:
// the time is passed in, in milliseconds since 1970, since a ban outlives the server.

export interface Ban {
  /** Counts up; operators lift a ban by it. */
  id: number
  /** The name as it was written; undefined if the ban is for an address alone. */
  name?: string
  /** By which the name is compared, as in the table of players. */
  key?: string
  /** As limits count it: of IPv6 the /64. */
  address?: string
  /** Shown to the player. */
  reason: string
  /** The operator. */
  by: string
  atMs: number
  untilMs: number
}

/** More are refused. */
export const MAX_BANS = 10_000

export class Bans {
  readonly #byId = new Map<number, Ban>()
  readonly #byKey = new Map<string, Ban>()
  readonly #byAddress = new Map<string, Ban>()
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
      ({ key, address }) => key === ban.key && address === ban.address
    )
    for (const { id } of replaced) this.delete(id)
    this.#byId.set(ban.id, ban)
    if (ban.key !== undefined) this.#index(this.#byKey, 'key', ban.key)
    if (ban.address !== undefined) this.#index(this.#byAddress, 'address', ban.address)
    this.#nextId = Math.max(this.#nextId, ban.id + 1)
    return replaced
  }

  delete(id: number): Ban | undefined {
    const ban = this.#byId.get(id)
    if (ban === undefined) return undefined
    this.#byId.delete(id)
    if (ban.key !== undefined) this.#index(this.#byKey, 'key', ban.key)
    if (ban.address !== undefined) this.#index(this.#byAddress, 'address', ban.address)
    return ban
  }

  /** The ban that keeps this name or this address out now. */
  of({ key, address }: { key?: string; address?: string }, nowMs: number): Ban | undefined {
    const found = [
      key === undefined ? undefined : this.#byKey.get(key),
      address === undefined ? undefined : this.#byAddress.get(address)
    ]
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
  #index(index: Map<string, Ban>, field: 'key' | 'address', value: string): void {
    let longest: Ban | undefined
    for (const ban of this.#byId.values()) {
      if (ban[field] === value && ban.untilMs > (longest?.untilMs ?? 0)) longest = ban
    }
    if (longest === undefined) index.delete(value)
    else index.set(value, longest)
  }
}
