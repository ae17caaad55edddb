// What the lobby's chat can bear: so many lines times their receivers, so many lines of one
// address, and the same line only a few times, however many send it. Pure; the time is passed in.

import { keyOf, Refusal } from '../wire/protocol.ts'
import { AddressRates } from './address-rates.ts'
import type { Limits } from './limits.ts'
import { TokenBucket } from './session.ts'

/** The same line, from anybody, so often within this time. */
const MOST_REPEATS = 3
const REPEATS_WITHIN_MS = 10_000
const MAX_LINES = 1_000
/** Many say "hello" at the same time; spam has more to say. */
const LEAST_CHARS = 12

export class LobbyTalk {
  readonly #mostHearers: number
  /** Otherwise a few who talk all the time would fill the chat of thousands. */
  readonly #hearers: TokenBucket
  readonly #addresses: AddressRates
  /** What was said lately, and how often; the oldest first. */
  readonly #lines = new Map<string, { count: number; sinceMs: number }>()

  constructor({ lobbyHearersPerSecond, maxLobbyLinesPerAddress }: Limits) {
    this.#mostHearers = lobbyHearersPerSecond
    this.#hearers = new TokenBucket(2 * lobbyHearersPerSecond, lobbyHearersPerSecond, 0)
    this.#addresses = new AddressRates(maxLobbyLinesPerAddress)
  }

  /** Counts a line, or throws a {@link Refusal}. */
  admit(block: string, text: string, hearers: number, nowMs: number): void {
    // First: what an address says beyond its rate must not fill what is remembered.
    if (!this.#addresses.take(block, nowMs))
      throw new Refusal('too-fast', 'too many lines from your address; wait a moment')
    if (text.length >= LEAST_CHARS && this.#repeats(text, nowMs) > MOST_REPEATS)
      throw new Refusal('too-fast', 'others have just said the same')
    if (!this.#hearers.take(Math.min(hearers, this.#mostHearers), nowMs))
      throw new Refusal('too-fast', 'the lobby chat is too busy; try again in a moment')
  }

  /** Whether the chat can bear a line that another node has admitted. */
  bears(hearers: number, nowMs: number): boolean {
    return this.#hearers.take(Math.min(hearers, this.#mostHearers), nowMs)
  }

  #repeats(text: string, nowMs: number): number {
    for (const [line, { sinceMs }] of this.#lines) {
      if (nowMs - sinceMs < REPEATS_WITHIN_MS && this.#lines.size <= MAX_LINES) break
      this.#lines.delete(line)
    }
    const key = keyOf(text)
    const line = this.#lines.get(key) ?? { count: 0, sinceMs: nowMs }
    this.#lines.set(key, line)
    return ++line.count
  }
}
