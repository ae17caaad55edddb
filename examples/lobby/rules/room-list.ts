// The list of rooms that a player sees: a page of it, or a page that is kept up to date. Private
// rooms are not in it; those of other nodes are. Knows no rules and no sockets.

import { keyOf, type RoomFilter, type RoomInfo } from '../wire/protocol.ts'
import type { Limits } from './limits.ts'
import { type Player, sessionsOf } from './player.ts'
import type { Deliver } from './room.ts'

/** What is in the list: a room of this lobby, or one that another node has reported. */
export interface Listed {
  readonly name: string
  readonly info: RoomInfo
  /** Somebody could join it as a player. */
  readonly isJoinable: boolean
}

/**
 * Players who watch for the same. Most do: each message is made, and encoded, once for all of them.
 */
interface Watch {
  readonly filter: RoomFilter
  readonly players: Set<Player>
}

export class RoomList {
  readonly #limits: Limits
  readonly #deliver: Deliver
  /** With the keys of their names, by which they are looked for. */
  readonly #rooms = new Map<Listed, string>()
  /** The same by their keys: a room that moves to another node is reported by both for a moment. */
  readonly #byKey = new Map<string, Listed>()
  /** Changed, or gone, since the watchers got the last changes. */
  readonly #changed = new Set<Listed>()
  readonly #watches = new Map<string, Watch>()
  readonly #watchOf = new Map<Player, string>()
  #tellAtMs = 0

  constructor(limits: Limits, deliver: Deliver) {
    this.#limits = limits
    this.#deliver = deliver
  }

  /** In place of another one of this name, if there is one. */
  add(room: Listed): void {
    const key = keyOf(room.name)
    const before = this.#byKey.get(key)
    if (before !== undefined) this.#rooms.delete(before)
    this.#byKey.set(key, room)
    this.#rooms.set(room, key)
    this.#changed.add(room)
  }

  delete(room: Listed): void {
    const key = this.#rooms.get(room)
    if (key === undefined) return
    this.#rooms.delete(room)
    this.#byKey.delete(key)
    this.#changed.add(room)
  }

  has(room: Listed): boolean {
    return this.#rooms.has(room)
  }

  touch(room: Listed): void {
    if (this.#rooms.has(room)) this.#changed.add(room)
  }

  /** A page of those that pass, and how many do. */
  page(from: number, filter: RoomFilter): { rooms: RoomInfo[]; total: number } {
    const wanted = keyOf(filter.text)
    const rooms: RoomInfo[] = []
    let total = 0
    for (const [room, key] of this.#rooms) {
      if (!passes(room, key, filter, wanted)) continue
      if (total >= from && rooms.length < this.#limits.maxListedRooms) rooms.push(room.info)
      total++
    }
    return { rooms, total }
  }

  /** From now on this player gets every change of the matching rooms; undefined ends that. */
  watch(player: Player, filter: RoomFilter | undefined): void {
    const before = this.#watchOf.get(player)
    if (before !== undefined) {
      const { players } = this.#watches.get(before) as Watch
      players.delete(player)
      if (players.size === 0) this.#watches.delete(before)
      this.#watchOf.delete(player)
    }
    if (filter === undefined) return
    const name = JSON.stringify([filter.text, filter.open])
    const watch = this.#watches.get(name) ?? { filter, players: new Set() }
    watch.players.add(player)
    this.#watches.set(name, watch)
    this.#watchOf.set(player, name)
  }

  /** For what a player watches; undefined: it does not. */
  filterOf(player: Player): RoomFilter | undefined {
    const name = this.#watchOf.get(player)
    return name === undefined ? undefined : this.#watches.get(name)?.filter
  }

  /**
   * Sends the changes to the watchers when it is time, all in one message. A room that no longer
   * matches the filter is gone, for them.
   */
  tellChanges(nowMs: number): void {
    if (this.#changed.size === 0 || nowMs < this.#tellAtMs) return
    this.#tellAtMs = nowMs + this.#limits.roomListEveryMs
    // One that is gone while another one has its name has only moved.
    const changes = [...this.#changed]
      .map((room) => ({ room, key: keyOf(room.name), info: room.info }))
      .filter(({ room, key }) => (this.#byKey.get(key) ?? room) === room)
    this.#changed.clear()
    for (const { filter, players } of this.#watches.values()) {
      const wanted = keyOf(filter.text)
      // The others were never in their list
      const ofThese = changes.filter(({ key }) => key.includes(wanted))
      const atOnce = this.#limits.maxListedRooms
      for (let first = 0; first < ofThese.length; first += atOnce) {
        const rooms: RoomInfo[] = []
        const gone: string[] = []
        for (const { room, key, info } of ofThese.slice(first, first + atOnce)) {
          if (this.#rooms.has(room) && passes(room, key, filter, wanted)) rooms.push(info)
          else gone.push(room.name)
        }
        this.#deliver(sessionsOf(players), { type: 'rooms-changed', rooms, gone })
      }
    }
  }
}

/** `key` and `wanted`: of the room's name and of the filter's text. */
function passes(room: Listed, key: string, { open }: RoomFilter, wanted: string): boolean {
  return (!open || room.isJoinable) && key.includes(wanted)
}
