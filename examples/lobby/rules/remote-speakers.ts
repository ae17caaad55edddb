// Who of other nodes was read in the chat of the lobby lately: they can be muted, and reported.
// Pure.
import { keyOf } from '../wire/protocol.ts'
import type { RemoteLine } from './cluster-outlet.ts'

/** Of one; and how many of them are remembered. */
const LINES = 5
const MAX_SPEAKERS = 500

/** As much of a player as one can know from afar. */
export interface RemoteSpeaker {
  readonly name: string
  readonly marks: readonly string[]
  readonly said: readonly string[]
}

export class RemoteSpeakers {
  /** Who was silent for longest comes first. */
  readonly #byKey = new Map<string, RemoteSpeaker>()

  heard({ name, marks, text }: RemoteLine): void {
    const key = keyOf(name)
    const before = this.#byKey.get(key)?.said ?? []
    this.#byKey.delete(key)
    this.#byKey.set(key, { name, marks, said: [...before, text].slice(-LINES) })
    const [first] = this.#byKey.keys()
    if (this.#byKey.size > MAX_SPEAKERS) this.#byKey.delete(first)
  }

  of(name: string): RemoteSpeaker | undefined {
    return this.#byKey.get(keyOf(name))
  }
}
