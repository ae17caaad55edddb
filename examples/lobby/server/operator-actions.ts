// The actions of operators on a running lobby: each is a rule of the lobby, and what must outlive
// the server is in the store first.

import type { TrustedProxies } from '../gateway/trusted.ts'
import type { Place } from '../place.ts'
import { blockOf } from '../rules/address.ts'
import type { Ban } from '../rules/bans.ts'
import { MAX_BANS } from '../rules/bans.ts'
import type { PersonPage } from '../rules/details.ts'
import type { Lobby } from '../rules/lobby.ts'
import type { Player } from '../rules/player.ts'
import type { Store } from '../rules/records.ts'
import type { Report } from '../rules/reports.ts'
import { keyOf, Refusal } from '../wire/protocol.ts'
import { type AdminActions, AdminRefusal, type BanRequest } from './admin.ts'

const MINUTE_MS = 60_000
/** In the form of {@link blockOf}. */
const LOOPBACK = /^(127\.|0:0:0:0::\/64$)/

/** Each node has numbers of its own. */
function isSameBan(one: Omit<Ban, 'id'>, other: Omit<Ban, 'id'>): boolean {
  return (
    one.key === other.key &&
    one.address === other.address &&
    one.account === other.account &&
    one.atMs === other.atMs
  )
}

export class OperatorActions implements AdminActions {
  readonly #lobby: Lobby
  readonly #store: Store
  readonly #place: Place
  readonly #proxies: TrustedProxies
  readonly #onDrain: () => void

  constructor(
    lobby: Lobby,
    store: Store,
    place: Place,
    proxies: TrustedProxies,
    onDrain: () => void
  ) {
    this.#proxies = proxies
    this.#place = place
    this.#lobby = lobby
    this.#store = store
    this.#onDrain = onDrain
  }

  people(from: number, find: string): PersonPage {
    return this.#lobby.people(from, find)
  }

  bans(): Ban[] {
    return this.#lobby.bans.list(this.#place.dateMs())
  }

  reports(): readonly Report[] {
    return this.#lobby.reports.list
  }

  message(name: string, text: string): void {
    this.#lobby.announce(text, this.#player(name))
  }

  kick(name: string, reason: string): void {
    const why = new Refusal('removed', `an operator removed you: ${reason}`)
    this.#lobby.sendAway(this.#player(name), why, this.#place.nowMs())
  }

  /** With a name, also a player who is not here: names come back. */
  async ban({ name, address, withAddress, minutes, reason, by }: BanRequest): Promise<Ban> {
    const { bans } = this.#lobby
    const atMs = this.#place.dateMs()
    const ended = bans.takeEnded(atMs)
    if (bans.size >= MAX_BANS)
      throw new AdminRefusal(409, 'too-many-bans', `there are ${MAX_BANS} bans already; lift some`)
    const player = name === undefined ? undefined : this.#lobby.playerNamed(name)
    // Also of a player who is away: to go in time is no way around it
    const { block = '', address: ofPlayer = '' } = player ?? {}
    // A proxy stands for everybody behind it; one on this machine may be in no list
    const isShared = LOOPBACK.test(block) || this.#proxies.has(ofPlayer)
    const withIt = withAddress && !isShared ? block : undefined
    const ban: Ban = {
      id: bans.nextId,
      name: player?.name ?? name,
      key: name === undefined ? undefined : keyOf(name),
      account: player?.account ?? (name === undefined ? undefined : this.#lobby.ownerOf(name)),
      address: address === undefined ? withIt : blockOf(address),
      reason,
      by,
      atMs,
      untilMs: atMs + minutes * MINUTE_MS
    }
    if (ban.address === '') delete ban.address // a bot of the server
    if (ban.account === undefined) delete ban.account
    const replaced = bans.add(ban)
    this.#lobby.enforce(ban, this.#place.nowMs())
    // It counts from now on, also if it cannot be kept; the answer says so.
    await this.#keep(
      ban,
      [...ended, ...replaced].map(({ id }) => id)
    )
    return ban
  }

  /** One that another node has made, unless it is known. */
  async takeBan(ban: Omit<Ban, 'id'>): Promise<void> {
    const { bans } = this.#lobby
    if (bans.list(this.#place.dateMs()).some((one) => isSameBan(one, ban))) return
    if (bans.size >= MAX_BANS) return
    const own = { ...ban, id: bans.nextId }
    const replaced = bans.add(own)
    this.#lobby.enforce(own, this.#place.nowMs())
    await this.#keep(
      own,
      replaced.map(({ id }) => id)
    )
  }

  /** One that another node has lifted. */
  async liftBan(ban: Omit<Ban, 'id'>): Promise<void> {
    const own = this.bans().find((one) => isSameBan(one, ban))
    if (own !== undefined) await this.unban(own.id)
  }

  async unban(id: number): Promise<Ban> {
    const ban = this.#lobby.bans.delete(id)
    if (ban === undefined) throw new AdminRefusal(404, 'no-such-ban', `there is no ban ${id}`)
    await this.#keep(undefined, [id])
    return ban
  }

  closeRoom(room: string, reason: string): void {
    if (!this.#lobby.closeRoom(room, reason))
      throw new AdminRefusal(404, 'no-such-room', `there is no room ${room}`)
  }

  announce(text: string): void {
    this.#lobby.announce(text)
  }

  drain(node?: string): void {
    if (node !== undefined) throw new AdminRefusal(404, 'no-such-node', 'there is no cluster')
    this.#onDrain()
  }

  #player(name: string): Player {
    const player = this.#lobby.playerNamed(name)
    if (player === undefined)
      throw new AdminRefusal(404, 'no-such-player', `nobody here is called ${name}`)
    return player
  }

  async #keep(added: Ban | undefined, deletedIds: number[]): Promise<void> {
    try {
      await this.#store.changeBans(added, deletedIds)
    } catch (error) {
      const words = `done, but it ends with this server, because it cannot be stored: ${(error as Error).message}`
      throw new AdminRefusal(500, 'not-stored', words)
    }
  }
}
