// The list of rooms that a player sees: a page of it, or a page that is kept up to date. Private rooms are not in it. Knows no rules and no sockets.
import { type Player, sessionsOf } from './player.ts'
import { keyOf, type RoomFilter, type RoomInfo } from './protocol.ts'
import type { Deliver, Room } from './room.ts'

function passes(info: RoomInfo, { text, open }: RoomFilter): boolean {
  if (open && (info.isPlaying || info.players >= info.capacity)) return false
  return text === '' || keyOf(info.name).includes(keyOf(text))
}

export class RoomList {
  readonly #pageRooms: number
  readonly #deliver: Deliver
  readonly #rooms = new Set<Room>()
  /** Changed, or gone, since the watchers were told last. */
  readonly #changed = new Set<Room>()
  readonly #watchers = new Map<Player, RoomFilter>()

  /** `pageRooms`: so many in one answer. */
  constructor(pageRooms: number, deliver: Deliver) {
    this.#pageRooms = pageRooms
    this.#deliver = deliver
  }

  add(room: Room): void {
    if (room.options.isPrivate) return
    this.#rooms.add(room)
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
    const rooms: RoomInfo[] = []
    let total = 0
    for (const { info } of this.#rooms) {
      if (!passes(info, filter)) continue
      if (total >= from && rooms.length < this.#pageRooms) rooms.push(info)
      total++
    }
    return { rooms, total }
  }

  /** From now on this player hears of every change of the rooms that pass; undefined ends that. */
  watch(player: Player, filter: RoomFilter | undefined): void {
    if (filter === undefined) this.#watchers.delete(player)
    else this.#watchers.set(player, filter)
  }

  /** Tells the watchers, once a tick however much has changed. A room that passes no longer is gone, for them. */
  tellChanges(): void {
    if (this.#changed.size === 0) return
    const changes = [...this.#changed]
    this.#changed.clear()
    // Most have the same filter: each message is made, and encoded, once for all of them.
    const byFilter = new Map<string, { filter: RoomFilter; players: Player[] }>()
    for (const [player, filter] of this.#watchers) {
      const key = JSON.stringify([filter.text, filter.open])
      const group = byFilter.get(key) ?? { filter, players: [] }
      group.players.push(player)
      byFilter.set(key, group)
    }
    for (const { filter, players } of byFilter.values()) {
      for (let first = 0; first < changes.length; first += this.#pageRooms) {
        const rooms: RoomInfo[] = []
        const gone: string[] = []
        for (const room of changes.slice(first, first + this.#pageRooms)) {
          const { info } = room
          if (this.#rooms.has(room) && passes(info, filter)) rooms.push(info)
          else gone.push(room.name)
        }
        this.#deliver(sessionsOf(players), { type: 'rooms-changed', rooms, gone })
      }
    }
  }
}
