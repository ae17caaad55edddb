// Whose a name is. An account has no password: the server signs it, and the client keeps it. A name
// belongs to an account once a result under it has counted; until then anybody may use it. Skill
// and results have a key, which is that of the name under which the account first had a result:
// under another name it goes on from there. It keeps that name and the last one. Pure.
import { keyOf } from '../wire/names.ts'

export class Accounts {
  /** The account that had no result for longest comes first. */
  readonly #keys = new Map<string, string>()
  readonly #owners = new Map<string, string>()
  /** By account: the key of the name of its last result, if that is not its key. */
  readonly #lastNames = new Map<string, string>()
  readonly #max: number

  /** Goes on from what a store has kept. `max`: then the first is forgotten, as in Skills. */
  constructor(
    max: number,
    kept: Iterable<readonly [key: string, account: string, lastName?: string]> = []
  ) {
    this.#max = max
    for (const [key, account, lastName] of kept) this.claim(account, key, lastName)
  }

  /**
   * Under which key the skill and the results of a player are. The name may have become somebody
   * else's while the player had it, by a match that they left: then it is a key of the account.
   */
  keyFor(account: string, name: string): string {
    const ofName = this.mayUse(account, name) ? name : account
    return this.#keys.get(account) ?? keyOf(ofName)
  }

  /** Whether the name is free, or the account's own. */
  mayUse(account: string, name: string): boolean {
    return (this.#owners.get(keyOf(name)) ?? account) === account
  }

  /** undefined: the name is nobody's. */
  ownerOf(name: string): string | undefined {
    return this.#owners.get(keyOf(name))
  }

  /** Whether the account has something to lose. */
  isKnown(account: string): boolean {
    return this.#keys.has(account)
  }

  /** What others know of an account: from now on its results are under this key. */
  learn(account: string, key: string): void {
    if (this.#keys.get(account) !== key) this.claim(account, key)
  }

  /**
   * A result is kept under this key: from now on it is the account's; and so is the name that it
   * was played under, by its own key.
   */
  claim(account: string, key: string, lastName = key): void {
    const before = this.#owners.get(key)
    if (before !== undefined && before !== account) {
      if (this.#lastNames.get(before) === key) this.#lastNames.delete(before)
      else this.#forget(before)
    }
    const own = this.#keys.get(account)
    if (own !== undefined && own !== key && this.#owners.get(own) === account)
      this.#owners.delete(own)
    this.#keys.delete(account) // to the end of the line
    this.#keys.set(account, key)
    this.#owners.set(key, account)
    this.#keepLastName(account, key, lastName)
    const [first] = this.#keys.keys()
    if (this.#keys.size > this.#max && first !== undefined) this.#forget(first)
  }

  #keepLastName(account: string, key: string, name: string): void {
    const before = this.#lastNames.get(account)
    if (before !== undefined && before !== name) this.#owners.delete(before)
    this.#lastNames.delete(account)
    // The first name of somebody else stays theirs.
    if (name === key || (this.#owners.get(name) ?? account) !== account) return
    this.#lastNames.set(account, name)
    this.#owners.set(name, account)
  }

  #forget(account: string): void {
    for (const names of [this.#keys, this.#lastNames]) {
      const name = names.get(account)
      if (name !== undefined && this.#owners.get(name) === account) this.#owners.delete(name)
      names.delete(account)
    }
  }
}
