// Plays any card that fits, else draws one, and takes its time like a person.
import type { BotMind } from '../../rules/game.ts'
import { type CardsView, fits, type Turn } from './rules.ts'

/** Thoughts before a turn; there are about ten a second. */
const LEAST_THINKING = 5
const MOST_THINKING = 15

export class CardPlayer implements BotMind<Turn, CardsView> {
  readonly #player: number
  readonly #random: () => number
  #turn = 0
  #thinking = 0

  constructor(player: number, random: () => number) {
    this.#player = player
    this.#random = random
  }

  /** Says the same again until the turn is over: a datagram may get lost. */
  think({ hand = [], player, turn, table }: CardsView): Turn | undefined {
    if (player !== this.#player) return undefined
    if (turn !== this.#turn) {
      this.#turn = turn
      this.#thinking =
        LEAST_THINKING + Math.floor(this.#random() * (MOST_THINKING - LEAST_THINKING))
    }
    if (this.#thinking-- > 0) return undefined
    const card = hand.find((one) => fits(one, table))
    return card === undefined ? { turn } : { turn, card }
  }
}
