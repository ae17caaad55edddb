// The other end of the shim's block of shared memory: says which calls of the addon fail, and reads
// how many did. Used inside the process whose calls are meant. The layout is shim.c's
// `struct control`; files and mappings of Linux show the same bytes.
import { closeSync, ftruncateSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { constants } from 'node:os'

export const RULES = 24
const CALLS = 64
const ERRORS = 134
const HEAD = 4
const RULE = 6
const SEEN_AT = HEAD + RULES * RULE
const LIMITED_AT = SEEN_AT + CALLS
const FAILED_AT = LIMITED_AT + CALLS
const NUMBERS = FAILED_AT + CALLS * ERRORS

// Node's table lacks two that accept(2) names.
const numbersOfErrors = { ...constants.errno, EHOSTDOWN: 112, ENONET: 64 }
const namesOfErrors = Object.fromEntries(
  Object.entries(numbersOfErrors).map(([name, number]) => [number, name])
)

const header = readFileSync(new URL('./calls.h', import.meta.url), 'utf8')
/** The names of the calls; the number of one is its place, from 1 on. */
export const calls = [...header.matchAll(/^X\((\w+)\)/gm)].map((match) => match[1])

/**
 * Makes the file that POLLPORT_FAULTS_CONTROL names, before the process starts that is to map it.
 */
export function createControl(path) {
  const fd = openSync(path, 'w')
  ftruncateSync(fd, NUMBERS * 4)
  closeSync(fd)
}

export class Faults {
  #fd = openSync(process.env.POLLPORT_FAULTS_CONTROL ?? '', 'r+')

  /**
   * From now on these rules hold, and nothing has been counted. A rule:
   * `{ call, first, times, oneIn, error, limit }`; `call` is a name; it is about the `first`
   * occurrence (default 1) and `times` in a row (default 1, 0 = for ever), or by `seed` about one
   * `oneIn` of them; `error` is a name such as 'ENOMEM'; `limit` is how many bytes, datagrams or
   * events the call is cut to. The first rule that fits counts.
   */
  set(rules, seed = 0) {
    this.clear()
    const numbers = new Int32Array(NUMBERS)
    numbers[1] = seed
    rules.forEach(({ call, first = 1, times = 1, oneIn = 0, error, limit = 0 }, at) => {
      const number = calls.indexOf(call) + 1
      const errno = error === undefined ? 0 : numbersOfErrors[error]
      if (number === 0 || errno === undefined || at >= RULES)
        throw new Error(`no such rule: ${call} ${error}`)
      numbers.set([number, first, times, oneIn, errno, limit], HEAD + at * RULE)
    })
    this.#write(numbers)
    this.#write(Int32Array.of(1))
  }

  /** No more faults; the counts stay. */
  clear() {
    this.#write(Int32Array.of(0))
  }

  /** What was done: `[{ call, error, count }]`, with `error` undefined for calls that were cut. */
  counts() {
    const numbers = this.#read()
    const found = []
    calls.forEach((call, at) => {
      const cut = numbers[LIMITED_AT + at + 1]
      if (cut > 0) found.push({ call, error: undefined, count: cut })
      for (let errno = 1; errno < ERRORS; errno++) {
        const count = numbers[FAILED_AT + (at + 1) * ERRORS + errno]
        if (count > 0) found.push({ call, error: namesOfErrors[errno], count })
      }
    })
    return found
  }

  /** How many faults there were. */
  get total() {
    return this.counts().reduce((sum, { count }) => sum + count, 0)
  }

  #read() {
    const numbers = new Int32Array(NUMBERS)
    readSync(this.#fd, numbers, 0, NUMBERS * 4, 0)
    return numbers
  }

  #write(numbers) {
    writeSync(this.#fd, numbers, 0, numbers.byteLength, 0)
  }
}
