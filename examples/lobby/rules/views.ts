// What a player keeps of the states that came by datagrams, so that it can read differences to
// them. For clients: bots and tests; the server remembers fewer (gateway/udp-paths.ts).
import type { ToPlayer } from '../wire/datagram.ts'
import type { MatchState } from '../wire/protocol.ts'
import type { Game } from './game.ts'

/** Twice as many as the server uses as bases. */
const KEPT_VIEWS = 64

export class ReceivedViews {
  readonly #game: Game
  readonly #match: number
  /** By tick. */
  readonly #views = new Map<number, unknown>()

  constructor(game: Game, match: number) {
    this.#game = game
    this.#match = match
  }

  /** undefined: of another match, or it cannot be read. */
  read(message: Extract<ToPlayer, { kind: 'state' | 'difference' }>): MatchState | undefined {
    if (message.match !== this.#match) return undefined
    const { match, tick, seqs, body } = message
    let view: unknown
    if (message.kind === 'state') view = this.#game.decode(body)
    else {
      const base = this.#views.get(message.base)
      if (base === undefined) return undefined // it came to a program that ran before this one
      view = this.#game.decode(body, base)
    }
    if (view === undefined) return undefined
    if (this.#game.hasDifferences) this.#keep(tick, view)
    return { match, tick, seqs: [...seqs], view }
  }

  #keep(tick: number, view: unknown): void {
    this.#views.set(tick, view)
    const [oldest] = this.#views.keys()
    if (this.#views.size > KEPT_VIEWS) this.#views.delete(oldest)
  }
}
