// What the rules of one node report to the rest of its cluster. Without a cluster there is none.
import type { Game } from './game.ts'
import type { Player } from './player.ts'
import type { Room } from './room.ts'

export interface ClusterOutlet {
  /** For good: its name is free. Not called for a player that goes on at another node. */
  playerGone(player: Player): void
  /**
   * A room that nobody has asked for by name: of a quick match, or one that has moved here, with
   * the `creationId` that it had.
   */
  roomMade(room: Room, creationId?: string): void
  roomGone(room: Room): void
  /** A public room is new, has changed, or is gone. */
  listingChanged(room: Room): void
  /** A line of the lobby's chat. The players of this node have it already. */
  said(line: RemoteLine): void
  /** A match begins: {@link Lobby.learnCounts} is to get these counts of {@link RatedPairs}. */
  wantCounts(day: number, names: readonly string[]): void
  /** Returns whether a group that belongs together plays at another node. */
  place(game: Game, players: readonly Player[]): boolean
}

/** A line of the lobby's chat, by somebody at another node. */
export interface RemoteLine {
  readonly name: string
  /** By what its speaker is known again; the first one is what a mute is for. */
  readonly marks: readonly string[]
  readonly text: string
}
