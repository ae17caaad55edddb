// Rooms and players as operators see them.
import type { Presence } from '../wire/protocol.ts'

/** A room as operators see it. */
export interface RoomDetail {
  name: string
  isPrivate: boolean
  hasPassword: boolean
  game: string
  capacity: number
  players: { name: string; away: boolean; ready: boolean }[]
  spectators: string[]
  /** Of the match that goes on. */
  match?: {
    number: number
    tick: number
    /** Only if the clock ends it. */
    endsInMs?: number
    scores: { name: string; score: number }[]
  }
}

export interface RoomPage {
  rooms: RoomDetail[]
  from: number
  total: number
}

/** A player as operators see it. */
export interface PersonDetail {
  name: string
  /** Of its connection; undefined while it is away. */
  address: string | undefined
  where: Presence
  /** The room's name. */
  room: string | undefined
}

export interface PersonPage {
  players: PersonDetail[]
  from: number
  total: number
}
