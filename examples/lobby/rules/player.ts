// A player: a name, a seat in a room, and the current connection, if there is one. A player
// outlives a lost connection for a while.
import { newPlayerId } from '../wire/tokens.ts'
import type { Room } from './room.ts'
import type { Session } from './session.ts'

export class Player {
  readonly id: string
  readonly name: string
  room: Room | undefined
  /** The room that keeps a seat for this player. */
  heldRoom: Room | undefined
  /** undefined while the connection is lost. */
  session: Session | undefined
  /** The one token that is good now; each use makes a new one. */
  tokenSerial = 0
  /** When the seat is given up, if the player has not come back. */
  awayUntilMs = 0

  constructor(name: string, id = newPlayerId()) {
    this.id = id
    this.name = name
  }
}

/** The connections of those who have one at the moment. */
export function* sessionsOf(players: Iterable<Player>): Generator<Session> {
  for (const { session } of players) if (session !== undefined) yield session
}
