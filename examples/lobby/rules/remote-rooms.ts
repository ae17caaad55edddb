// The public rooms of the other nodes, as those report them: for the list, where they stand among
// our own. Pure.
import { keyOf, type RoomInfo } from '../wire/protocol.ts'
import type { Listed, RoomList } from './room-list.ts'

class RemoteRoom implements Listed {
  readonly name: string
  info: RoomInfo

  constructor(info: RoomInfo) {
    this.name = info.name
    this.info = info
  }

  get isJoinable(): boolean {
    return !this.info.isPlaying && this.info.players < this.info.capacity
  }
}

export class RemoteRooms {
  readonly #list: RoomList
  readonly #byNode = new Map<string, Map<string, RemoteRoom>>()

  constructor(list: RoomList) {
    this.#list = list
  }

  /** What a node has reported: rooms that are new or have changed, and the names of those gone. */
  change(node: string, changed: readonly RoomInfo[], gone: readonly string[]): void {
    const rooms = this.#byNode.get(node) ?? new Map<string, RemoteRoom>()
    this.#byNode.set(node, rooms)
    for (const name of gone) {
      const room = rooms.get(keyOf(name))
      if (room === undefined) continue
      rooms.delete(keyOf(name))
      this.#list.delete(room)
    }
    for (const info of changed) {
      const room = rooms.get(keyOf(info.name))
      if (room?.name === info.name && this.#list.has(room)) {
        room.info = info
        this.#list.touch(room)
        continue
      }
      const added = new RemoteRoom(info)
      rooms.set(keyOf(info.name), added)
      this.#list.add(added)
    }
  }

  /** All rooms of a node, instead of what was known of it. */
  replace(node: string, all: readonly RoomInfo[]): void {
    const keys = new Set(all.map(({ name }) => keyOf(name)))
    const rooms = this.#byNode.get(node) ?? new Map<string, RemoteRoom>()
    const gone = [...rooms].filter(([key]) => !keys.has(key)).map(([, { name }]) => name)
    this.change(node, all, gone)
  }

  /** A node has ended. */
  forget(node: string): void {
    this.replace(node, [])
    this.#byNode.delete(node)
  }

  get nodes(): string[] {
    return [...this.#byNode.keys()]
  }
}
