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
 * An origin as browsers write it: in small letters, without a slash at the end, and without the
 * port that its scheme has anyway. undefined for what is none. Applications that are made of a page
 * have schemes of their own (`capacitor://localhost`).
 */
export function originOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined
  const { protocol, host, pathname, search, hash, username, password } = new URL(text)
  const isMore = [search, hash, username, password].some((part) => part !== '')
  if (host === '' || isMore || (pathname !== '' && pathname !== '/')) return undefined
  return `${protocol}//${host.toLowerCase()}`
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
