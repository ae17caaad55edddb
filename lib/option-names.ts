// Refuses an option that does not exist and says which one may be meant: a JavaScript program with
// a misspelt or an old name must not run with a default. Knows names, not what they mean.
import { invalidArgValue, unknownOption } from './errors.ts'
import { object } from './validate.ts'

/** Every name of an interface of options, so that none is forgotten where they are listed. */
export type OptionNames<T> = { readonly [Name in keyof T]-?: true }

/** What the same is called elsewhere: in node:net and node:dgram, and once here. */
const elsewhere: Readonly<Record<string, string>> = {
  host: 'address',
  hostname: 'address',
  recvBufferSize: 'receiveBufferSize',
  receiveBufferBytes: 'batchBufferBytes'
}

/**
 * Gives `options`, which errors name as `called`, back if it is an object that has none but the
 * given names. Its own enumerable keys count, also those whose value is undefined; a prototype may
 * have anything, and so may symbols.
 */
export function knownOptions<T>(
  options: T,
  names: Readonly<Record<string, true>>,
  called = 'options'
): T & object {
  const given = object(options, called)
  for (const name of Object.keys(given))
    if (!Object.hasOwn(names, name)) throw unknownOption(name, whichMayBeMeant(name, names), called)
  return given
}

/** Of `options` those that are named. */
export function chosen<T>(options: object, names: OptionNames<T>): T {
  const given = options as Readonly<Record<string, unknown>>
  return Object.fromEntries(Object.keys(names).map((name) => [name, given[name]])) as T
}

/** Throws unless `name` is one of `names`; for options that are set one at a time. */
export function knownName(name: unknown, names: object): void {
  if (typeof name !== 'string' || !Object.hasOwn(names, name))
    throw invalidArgValue('name', name, whichMayBeMeant(String(name), names))
}

function whichMayBeMeant(name: string, names: object): string {
  const known = Object.keys(names)
  const near = nearest(name, known)
  return near.length > 0
    ? `did you mean ${near.map((one) => `'${one}'`).join(' or ')}?`
    : `it is one of ${known.join(', ')}`
}

function nearest(name: string, known: readonly string[]): string[] {
  if (Object.hasOwn(elsewhere, name) && known.includes(elsewhere[name])) return [elsewhere[name]]
  const written = name.toLowerCase()
  const limit = Math.max(1, Math.floor(written.length / 3))
  let best = Number.POSITIVE_INFINITY
  let near: string[] = []
  for (const one of known) {
    const candidate = one.toLowerCase()
    // An old name lacks the unit, such as 'lingerMs', or a first word.
    const isPart = written.length >= 3 && candidate.includes(written)
    const isLonger = Math.abs(candidate.length - written.length) > limit
    if (isLonger && !isPart) continue
    const edits = editDistance(written, candidate)
    if (!isPart && edits > limit) continue
    if (edits < best) near = []
    if (edits <= best) near.push(one)
    best = Math.min(best, edits)
  }
  return near
}

/** How many letters have to be put in, taken out or changed (Levenshtein's distance). */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, edits) => edits)
  for (let i = 0; i < from.length; i++) {
    const current = [i + 1]
    for (let j = 0; j < to.length; j++) {
      const changed = previous[j] + (from[i] === to[j] ? 0 : 1)
      current.push(Math.min(changed, previous[j + 1] + 1, current[j] + 1))
    }
    previous = current
  }
  return previous[to.length]
}
