// The list of rooms that a player sees: a page of it, or a page that is kept up to date. Private
// rooms are not in it. Knows no rules and no sockets.

import { keyOf, type RoomFilter, type RoomInfo } from '../wire/protocol.ts'
import type { Limits } from './limits.ts'
import { type Player, sessionsOf } from './player.ts'
import type { Deliver, Room } from './room.ts'

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
  readonly #rooms = new Map<Room, string>()
  /** Changed, or gone, since the watchers got the last changes. */
  readonly #changed = new Set<Room>()
  readonly #watches = new Map<string, Watch>()
  readonly #watchOf = new Map<Player, string>()
  #tellAtMs = 0

  constructor(limits: Limits, deliver: Deliver) {
    this.#limits = limits
    this.#deliver = deliver
  }

  add(room: Room): void {
    if (room.options.isPrivate) return
    this.#rooms.set(room, keyOf(room.name))
    this.#changed.add(room)
  }

  delete(room: Room): void {
    if (this.#rooms.delete(room)) this.#changed.add(room)
  }

  touch(room: Room): void {
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

  /**
   * Sends the changes to the watchers when it is time, all in one message. A room that no longer
   * matches the filter is gone, for them.
   */
  tellChanges(nowMs: number): void {
    if (this.#changed.size === 0 || nowMs < this.#tellAtMs) return
    this.#tellAtMs = nowMs + this.#limits.roomListEveryMs
    const changes = [...this.#changed].map((room) => ({
      room,
      key: keyOf(room.name),
      info: room.info
    }))
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
function passes(room: Room, key: string, { open }: RoomFilter, wanted: string): boolean {
  if (open && (room.isPlaying || room.playerCount >= room.options.capacity)) return false
  return key.includes(wanted)
}
