// Which names a web server answers to. A page of somebody else whose name suddenly leads to this
// machine (DNS rebinding) sends that name as its `Host`: it must get nothing. Pure.
import { isIP } from 'node:net'

/** The host of a `Host` header or of an origin, without its port; '' for none. */
export function hostOf(header: string | undefined): string {
  const text = (header ?? '').replace(/^[a-z]+:\/\//i, '').toLowerCase()
  const inBrackets = /^\[([^\]]*)\](:\d+)?$/.exec(text)
  return inBrackets === null ? text.replace(/:\d+$/, '') : inBrackets[1]
}

/**
 * Numeric addresses and `localhost` always count: nobody else can make a browser send them for a
 * name of their own. Other names have to be listed.
 */
export class Hosts {
  readonly #names: Set<string>

  constructor(names: Iterable<string>) {
    this.#names = new Set([...names].map(hostOf))
  }

  has(header: string | undefined): boolean {
    const host = hostOf(header)
    return isIP(host) !== 0 || host === 'localhost' || (host !== '' && this.#names.has(host))
  }
}
