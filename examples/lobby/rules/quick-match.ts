// The queue for players who want a match with players of similar skill. The longer a player waits,
// the larger a difference it accepts. Uses no rooms and no sockets; the time is passed in.

import type { Game } from './game.ts'
import type { Limits } from './limits.ts'
import type { Player } from './player.ts'

interface Waiting {
  readonly player: Player
  readonly skill: number
  readonly sinceMs: number
}

export class QuickMatch {
  readonly #limits: Limits
  /** In the order in which they came. */
  readonly #queue = new Map<Player, Waiting>()
  /** Of a group: the operator's choice, within what the game allows. */
  readonly #least: number
  readonly #most: number
  #lookAtMs = 0

  constructor(limits: Limits, { players }: Pick<Game, 'players'>) {
    this.#limits = limits
    this.#least = Math.min(Math.max(limits.minMatchPlayers, players.least), players.most)
    this.#most = Math.min(Math.max(limits.quickMatchPlayers, this.#least), players.most)
  }

  get size(): number {
    return this.#queue.size
  }

  get isFull(): boolean {
    return this.#queue.size >= this.#limits.maxQueued
  }

  has(player: Player): boolean {
    return this.#queue.has(player)
  }

  /** A player that waits already keeps its place. */
  add(player: Player, skill: number, nowMs: number): void {
    if (!this.#queue.has(player)) this.#queue.set(player, { player, skill, sinceMs: nowMs })
  }

  /** Returns whether the player waited. */
  delete(player: Player): boolean {
    return this.#queue.delete(player)
  }

  /** Empties the queue, and returns who was in it. */
  clear(): Player[] {
    const players = [...this.#queue.keys()]
    this.#queue.clear()
    return players
  }

  /**
   * The groups that can be made now, taken out of the queue. The longest waiting comes first and is
   * given the next in line whose skill is near enough. How near depends on the wait of the one who
   * waited longest; otherwise newcomers would overtake a player with an unusual skill. A group that
   * is not full is made when its first player has waited for long.
   */
  takeGroups(nowMs: number): Player[][] {
    if (nowMs < this.#lookAtMs) return []
    this.#lookAtMs = nowMs + this.#limits.quickMatchEveryMs
    const { smallGroupAfterMs } = this.#limits
    const groups: Player[][] = []
    for (const first of [...this.#queue.values()]) {
      if (!this.#queue.has(first.player)) continue // is in a group already
      const reach = this.#reachOf(first, nowMs)
      const group = [first.player]
      for (const other of this.#queue.values()) {
        if (group.length === this.#most) break
        // One account on two connections does not play against itself.
        const { account } = other.player
        if (group.some((each) => each.account === account)) continue
        if (Math.abs(other.skill - first.skill) <= reach) group.push(other.player)
      }
      const enough = nowMs - first.sinceMs >= smallGroupAfterMs ? this.#least : this.#most
      if (group.length < enough) continue
      for (const player of group) this.#queue.delete(player)
      groups.push(group)
    }
    return groups
  }

  /** How much skill may differ: more with each second, and after a while by any amount. */
  #reachOf({ sinceMs }: Waiting, nowMs: number): number {
    const { skillReach, skillReachPerSecond, anySkillAfterMs } = this.#limits
    const waitedMs = nowMs - sinceMs
    return waitedMs >= anySkillAfterMs
      ? Number.POSITIVE_INFINITY
      : skillReach + (waitedMs / 1000) * skillReachPerSecond
  }
}
