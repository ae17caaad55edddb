// A player: a name, a seat in a room, and the current connection, if there is one. A player
// outlives a lost connection for a while.

import type { ServerMessage } from '../wire/protocol.ts'
import { newPlayerId } from '../wire/tokens.ts'
import type { Room } from './room.ts'
import type { Session } from './session.ts'

const LINES_SAID = 5

export class Player {
  readonly id: string
  readonly name: string
  /** By which the player is known again: see accounts.ts. */
  readonly account: string
  /** Of the last connection, as text; '': it had none. */
  address = ''
  /** Of that: what limits count the player under. */
  block = ''
  room: Room | undefined
  /** The room that keeps a seat for this player. */
  heldRoom: Room | undefined
  /** undefined while the connection is lost. */
  session: Session | undefined
  /** The one token that is good now; each use makes a new one. */
  tokenSerial = 0
  /** It has spoken since it was sent that token, or used it: so it has the token. */
  hasToken = true
  /** How often it has changed its node. */
  moves = 0
  /** When the seat is given up, if the player has not come back. */
  awayUntilMs = 0

  /** The accounts and addresses that this player does not want to hear. */
  readonly muted = new Set<string>()
  /** The last chat lines, for those who are asked to judge. */
  readonly said: string[] = []
  /** The end of a match that the player was away from. */
  missed: ServerMessage | undefined

  constructor(name: string, id = newPlayerId(), account = newPlayerId()) {
    this.id = id
    this.name = name
    this.account = account
  }

  /** By what the player would be known again, under whatever name. */
  get marks(): string[] {
    const { account, block } = this
    return block === '' ? [account] : [account, block] // a bot of the server has no address
  }

  /** Keeps a line of the player's chat for a while. */
  says(text: string): void {
    this.said.push(text)
    if (this.said.length > LINES_SAID) this.said.shift()
  }
}

/** Of those who want to hear somebody with these marks. */
export function* hearersOf(
  players: Iterable<Player>,
  { marks }: { readonly marks: readonly string[] }
): Generator<Session> {
  for (const { session, muted } of players) {
    if (session === undefined) continue
    if (muted.size === 0 || !marks.some((mark) => muted.has(mark))) yield session
  }
}

/** The connections of those who have one at the moment. */
export function sessionsOf(...groups: Iterable<Player>[]): Session[] {
  const sessions: Session[] = []
  for (const players of groups)
    for (const { session } of players) if (session !== undefined) sessions.push(session)
  return sessions
}
