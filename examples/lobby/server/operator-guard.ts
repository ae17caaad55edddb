// Who may use the operators' port: a request with the token, by a name of this server. Programs
// send the token as `Authorization: Bearer`; a browser opens `/?token=` once and keeps it as a
// cookie that no script and no other site can use. Looks at requests; answers none itself.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { Hosts } from '../gateway/hosts.ts'
import { pathOf } from '../gateway/static-files.ts'

/** What a request gets instead of what it asked for. */
export interface OtherAnswer {
  status: number
  body: string
  headers: OutgoingHttpHeaders
}

/** What anybody may ask, as an orchestrator does: it says no more than that the server is well. */
const OPEN_PATHS = new Set(['/healthz', '/readyz'])
const COOKIE = 'lobby-operator'

export class OperatorGuard {
  readonly #token: string
  readonly #hosts: Hosts

  /** `names`: the host names by which operators reach the port. */
  constructor(token: string, names: readonly string[] = []) {
    this.#token = token
    this.#hosts = new Hosts(names)
  }

  /** undefined: the request may have what it asks for. */
  judge(request: IncomingMessage): OtherAnswer | undefined {
    const { headers, method, url } = request
    const path = pathOf(request)
    if (OPEN_PATHS.has(path)) return undefined
    if (!this.#hosts.has(headers.host))
      return refusal(421, 'this server is not known by that name (see --operator-hosts)')
    const isReading = method === 'GET' || method === 'HEAD'
    // Of an address "+" is read as a space, which no token has
    const query = isReading ? new URLSearchParams(url?.split('?')[1]) : undefined
    const given = query?.get('token')?.replaceAll(' ', '+')
    if (given !== undefined && this.#isToken(given)) {
      // Without the token, so that it stays in no history and in no referrer
      const isSecure = (request.socket as { encrypted?: boolean }).encrypted === true
      const cookie = `${COOKIE}=${this.#token}; Path=/; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`
      // "//name/" would be another server
      const location = path.replace(/^[/\\]+/, '/')
      return { status: 303, body: '', headers: { location, 'set-cookie': cookie } }
    }
    const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
    if (bearer !== undefined && this.#isToken(bearer)) return undefined
    const cookie = cookieOf(headers.cookie)
    if (cookie !== undefined && this.#isToken(cookie)) {
      // A browser sends the cookie for any page of this host name, those of other ports too
      if (isReading || isOwnPage(request)) return undefined
      return refusal(403, 'this request comes from another page')
    }
    return refusal(401, 'open the address that the lobby printed, or send the operator token', {
      'www-authenticate': 'Bearer realm="lobby"'
    })
  }

  /** In a time that says nothing of how much of it was right. */
  #isToken(given: string): boolean {
    const digest = (text: string) => createHash('sha256').update(text).digest()
    return timingSafeEqual(digest(given), digest(this.#token))
  }
}

function cookieOf(header = ''): string | undefined {
  const start = `${COOKIE}=`
  const pairs = header.split(';').map((pair) => pair.trim())
  // A token may end with "=", too
  return pairs.find((pair) => pair.startsWith(start))?.slice(start.length)
}

function isOwnPage({ headers }: IncomingMessage): boolean {
  return headers.origin?.replace(/^https?:\/\//, '') === headers.host
}

function refusal(status: number, why: string, headers: OutgoingHttpHeaders = {}): OtherAnswer {
  return { status, body: `${why}\n`, headers }
}
