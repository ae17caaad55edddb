// Whose a name is. An account has no password: the server signs it, and the client keeps it. A name
// belongs to an account once a result has been kept under it; until then anybody may use it. Skill
// and results have a key, which is that of the name under which the account first had a result:
// under another name it goes on from there. Pure.
import { keyOf } from '../wire/names.ts'

export class Accounts {
  /** The account that had no result for longest comes first. */
  readonly #keys = new Map<string, string>()
  readonly #owners = new Map<string, string>()
  readonly #max: number

  /** Goes on from what a store has kept. `max`: then the first is forgotten, as in Skills. */
  constructor(max: number, kept: Iterable<readonly [key: string, account: string]> = []) {
    this.#max = max
    for (const [key, account] of kept) this.claim(account, key)
  }

  /** Under which key the skill and the results of a player are. */
  keyFor(account: string, name: string): string {
    return this.#keys.get(account) ?? keyOf(name)
  }

  /** Whether the name is free, or the account's own. */
  mayUse(account: string, name: string): boolean {
    return (this.#owners.get(keyOf(name)) ?? account) === account
  }

  /** Whether the account has something to lose. */
  isKnown(account: string): boolean {
    return this.#keys.has(account)
  }

  /** What others know of an account: from now on its results are under this key. */
  learn(account: string, key: string): void {
    if (this.#keys.get(account) !== key) this.claim(account, key)
  }

  /** A result is kept under this key: from now on it is the account's. */
  claim(account: string, key: string): void {
    const before = this.#owners.get(key)
    if (before !== undefined && before !== account) this.#keys.delete(before)
    this.#keys.delete(account) // to the end of the line
    this.#keys.set(account, key)
    this.#owners.set(key, account)
    const [first] = this.#keys
    if (this.#keys.size <= this.#max || first === undefined) return
    this.#keys.delete(first[0])
    this.#owners.delete(first[1])
  }
}
