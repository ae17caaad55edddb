// Those who have come and have no name yet, and how many of them each address has. When the server
// is full it is one of these that goes, and of the address with most of them: nobody can keep the
// others out by connections alone. Every step takes the same time, however many there are.
import type { Session } from './session.ts'

export class Arrivals {
  /** The longest waiting first. */
  readonly #all = new Set<Session>()
  readonly #byBlock = new Map<string, Set<Session>>()
  /** The blocks that have so many, by how many. */
  readonly #bySize = new Map<number, Set<string>>()
  #most = 0

  add(session: Session): void {
    if (this.#all.has(session)) return
    this.#all.add(session)
    const { block } = session
    const group = this.#byBlock.get(block) ?? new Set<Session>()
    this.#byBlock.set(block, group.add(session))
    this.#move(block, group.size - 1, group.size)
  }

  delete(session: Session): void {
    if (!this.#all.delete(session)) return
    const { block } = session
    const group = this.#byBlock.get(block) as Set<Session>
    group.delete(session)
    if (group.size === 0) this.#byBlock.delete(block)
    this.#move(block, group.size + 1, group.size)
  }

  [Symbol.iterator](): IterableIterator<Session> {
    return this.#all.values()
  }

  /**
   * Who has to go so that `newcomer`, one of these, can stay: the longest waiting of the address
   * with most. The newcomer itself, if no address has more than its own.
   */
  oneTooMany(newcomer: Session): Session {
    const own = this.#byBlock.get(newcomer.block)?.size ?? 0
    const [largest] = this.#bySize.get(this.#most) ?? []
    if (largest === undefined || own >= this.#most) return newcomer
    const [longestWaiting] = this.#byBlock.get(largest) as Set<Session>
    return longestWaiting
  }

  #move(block: string, from: number, to: number): void {
    this.#bySize.get(from)?.delete(block)
    if (this.#bySize.get(from)?.size === 0) this.#bySize.delete(from)
    if (to > 0) this.#bySize.set(to, (this.#bySize.get(to) ?? new Set()).add(block))
    // By one at a time, so the most is never further away than that
    if (to > this.#most) this.#most = to
    else if (from === this.#most && !this.#bySize.has(from)) this.#most = to
  }
}
