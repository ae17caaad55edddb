// The files of a web page: a fixed table, read once at the start and answered from memory, so that
// no request ever names a path of this machine. Speaks HTTP; does not depend on the page, or on
// what else is served at the same port.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname } from 'node:path'

const contentTypes = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.json', 'application/json'],
  ['.svg', 'image/svg+xml'],
  ['.png', 'image/png']
])

/**
 * What a page may do: load and talk to where it came from (its own WebSocket included), and nothing
 * else. No inline scripts and no inline styles, so that a player's name which got into the page as
 * HTML would still do nothing; no frame around it; and other sites' pages may not embed it.
 */
export const securityHeaders = {
  'content-security-policy':
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff'
}

interface StaticFile {
  bytes: Buffer
  contentType: string
  etag: string
}

export class StaticFiles {
  readonly #files: Map<string, StaticFile>

  /**
   * @param files where each path of the page lies, as in
   *   `{ '/': new URL('page/index.html', import.meta.url) }`; throws when one cannot be read.
   */
  constructor(files: Record<string, URL>) {
    this.#files = new Map(Object.entries(files).map(([path, file]) => [path, load(file)]))
  }

  /** Answers a request for one of the files; false, and nothing done, for any other path. */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    const file = this.#files.get(pathOf(request))
    if (file === undefined) return false
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value)
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end()
      return true
    }
    // no-cache: a browser may keep it, and asks each time whether it is still the same. So no page
    // is older than its server.
    response.setHeader('cache-control', 'no-cache').setHeader('etag', file.etag)
    if (isKept(request.headers['if-none-match'], file.etag)) response.writeHead(304).end()
    else
      response
        .writeHead(200, { 'content-type': file.contentType, 'content-length': file.bytes.length })
        .end(file.bytes)
    return true
  }
}

/**
 * The path of a request, without its query; also of one that names scheme and host before it, as to
 * a proxy (RFC 9112, 3.2.2: servers take both).
 */
export function pathOf(request: IncomingMessage): string {
  const [path] = (request.url ?? '').replace(/^https?:\/\/[^/?#]*/i, '').split('?', 1)
  return path === '' ? '/' : path
}

function load(file: URL): StaticFile {
  const contentType = contentTypes.get(extname(file.pathname))
  if (contentType === undefined) throw new TypeError(`no content type is known for ${file}`)
  const bytes = readFileSync(file)
  return {
    bytes,
    contentType,
    etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
  }
}

/**
 * RFC 9110, 13.1.2: any of a list, and weak comparison, since a proxy that compresses makes a tag
 * weak.
 */
function isKept(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = ifNoneMatch?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? []
  return tags.includes(etag) || tags.includes('*')
}
