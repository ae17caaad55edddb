// What operators do, by JSON under /admin: it reads and checks requests, writes the audit log, and
// answers. Who may ask is checked before (operators.ts); what an action does is the hub's.
import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import type { Ban } from '../rules/bans.ts'
import type { PersonPage } from '../rules/details.ts'
import type { Report } from '../rules/reports.ts'
import type { AuditLog } from './audit-log.ts'
import type { AuditEntry } from './server-figures.ts'

/** Why an action was not done: the answer says so, and nothing has changed. */
export class AdminRefusal extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

export interface BanRequest {
  name?: string
  address?: string
  withAddress: boolean
  minutes: number
  reason: string
  by: string
}

/** The actions. Each throws an {@link AdminRefusal}, or is rejected with one. */
export interface AdminActions {
  /** A page of the players whose names or addresses contain `find`. */
  people(from: number, find: string): PersonPage
  bans(): Ban[]
  /** What players have reported, the newest first. */
  reports(): readonly Report[]
  message(name: string, text: string): void | Promise<void>
  kick(name: string, reason: string): void | Promise<void>
  /** Fulfilled when the ban is in the store. */
  ban(request: BanRequest): Promise<Ban>
  unban(id: number): Promise<Ban>
  closeRoom(room: string, reason: string): void | Promise<void>
  announce(text: string): void | Promise<void>
  /** `node`: of the cluster; undefined: this server. */
  drain(node?: string): void | Promise<void>
}

const MAX_BODY_BYTES = 4 * 1024
const YEAR_MINUTES = 366 * 24 * 60

const name = z.string().min(1).max(100)
// What a player is shown: one line, without control characters.
const text = z
  .string()
  .trim()
  .min(1)
  .max(300)
  .regex(/^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]*$/u, 'must be one line of text')
const reason = text.default('no reason given')

/** A request's form, and what is done with it. What it returns is the answer. */
function action<S extends z.ZodType<object>>(
  schema: S,
  run: (actions: AdminActions, request: z.infer<S>, by: string) => object | Promise<object>
) {
  return {
    schema: schema as z.ZodType<object>,
    run: run as (actions: AdminActions, request: object, by: string) => object
  }
}

const done = { done: true }

const table = new Map([
  [
    'message',
    action(z.strictObject({ name, text }), async (actions, { name, text }) => {
      await actions.message(name, text)
      return done
    })
  ],
  [
    'kick',
    action(z.strictObject({ name, reason }), async (actions, { name, reason }) => {
      await actions.kick(name, reason)
      return done
    })
  ],
  [
    'ban',
    action(
      z
        .strictObject({
          name: name.optional(),
          address: z.union([z.ipv4(), z.ipv6()]).optional(),
          withAddress: z.boolean().default(true),
          minutes: z.number().int().min(1).max(YEAR_MINUTES),
          reason
        })
        .refine(
          (request) => (request.name === undefined) !== (request.address === undefined),
          'needs either a "name" or an "address"'
        ),
      async (actions, request, by) => ({ ban: await actions.ban({ ...request, by }) })
    )
  ],
  [
    'unban',
    action(z.strictObject({ id: z.number().int().min(1) }), async (actions, { id }) => {
      return { ban: await actions.unban(id) }
    })
  ],
  [
    'close-room',
    action(z.strictObject({ room: name, reason }), async (actions, { room, reason }) => {
      await actions.closeRoom(room, reason)
      return done
    })
  ],
  [
    'announce',
    action(z.strictObject({ text }), async (actions, { text }) => {
      await actions.announce(text)
      return done
    })
  ],
  [
    'drain',
    action(z.strictObject({ node: name.optional() }), async (actions, { node }) => {
      await (node === undefined ? actions.drain() : actions.drain(node))
      return done
    })
  ]
])

const ACTIONS_TEXT = [...table.keys()].map((action) => `/admin/${action}`).join(', ')

/** An answer: a status and a JSON value. */
export interface AdminAnswer {
  status: number
  body: object
  headers?: Record<string, string>
}

export class Admin {
  readonly #actions: AdminActions
  readonly #audit: AuditLog

  constructor(actions: AdminActions, audit: AuditLog) {
    this.#actions = actions
    this.#audit = audit
  }

  /** `path` begins with /admin/. `address` is where the request came from. */
  async answer(request: IncomingMessage, path: string, address: string): Promise<AdminAnswer> {
    try {
      const action = path.slice('/admin/'.length)
      if (request.method === 'GET' || request.method === 'HEAD') return this.#look(action, request)
      if (request.method !== 'POST')
        return { status: 405, body: problem('bad-method', 'only GET, HEAD and POST') }
      if (!table.has(action))
        return { status: 404, body: problem('not-found', `there are ${ACTIONS_TEXT}`) }
      mustBeOurs(request)
      return await this.#act(action, request, address)
    } catch (error) {
      if (!(error instanceof AdminRefusal)) throw error
      const headers: Record<string, string> = error.status === 413 ? { connection: 'close' } : {}
      return { status: error.status, body: problem(error.code, error.message), headers }
    }
  }

  #look(what: string, request: IncomingMessage): AdminAnswer {
    switch (what) {
      case 'players': {
        const query = new URLSearchParams(request.url?.split('?')[1])
        const from = query.get('from') ?? '0'
        if (!/^\d{1,9}$/.test(from))
          throw new AdminRefusal(400, 'bad-request', 'from must be a whole number')
        return { status: 200, body: this.#actions.people(Number(from), query.get('find') ?? '') }
      }
      case 'bans':
        return { status: 200, body: { bans: this.#actions.bans() } }
      case 'reports':
        return { status: 200, body: { reports: this.#actions.reports() } }
      case 'audit':
        return { status: 200, body: { entries: this.#audit.recent() } }
      default:
        throw new AdminRefusal(
          404,
          'not-found',
          'there are /admin/players?from=0&find=, /admin/bans, /admin/reports and /admin/audit'
        )
    }
  }

  async #act(name: string, request: IncomingMessage, address: string): Promise<AdminAnswer> {
    const { schema, run } = table.get(name) as ReturnType<typeof action>
    const result = schema.safeParse(await bodyOf(request))
    if (!result.success) {
      const words = result.error.issues.map(
        ({ path, message }) => `${path.length === 0 ? 'the request' : path.join('.')}: ${message}`
      )
      throw new AdminRefusal(400, 'bad-request', words.join('; '))
    }
    const by = operatorOf(request)
    const at = new Date().toISOString()
    const entry: AuditEntry = { at, by, address, action: name, request: result.data }
    try {
      this.#audit.write(entry)
    } catch (error) {
      throw new AdminRefusal(
        500,
        'no-audit-log',
        `not done, because the audit log cannot be written: ${(error as Error).message}`
      )
    }
    try {
      return { status: 200, body: await run(this.#actions, result.data, by) }
    } catch (error) {
      this.#audit.write({ ...entry, refused: (error as Error).message })
      throw error
    }
  }
}

function problem(error: string, message: string): object {
  return { error, message }
}

/** A page of another site can send no request with this content type: we allow none (CORS). */
function mustBeOurs({ headers }: IncomingMessage): void {
  if (!/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? ''))
    throw new AdminRefusal(415, 'bad-content-type', 'the body must be application/json')
}

/** Of a person at a shared token: as they call themselves. */
function operatorOf({ headers }: IncomingMessage): string {
  const given = headers['x-operator']
  return typeof given === 'string' && /^[\x21-\x7e][\x20-\x7e]{0,39}$/.test(given)
    ? given
    : 'operator'
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  // Not destroyed when we have read enough: the answer goes the same way
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += (chunk as Buffer).length
    if (bytes > MAX_BODY_BYTES)
      throw new AdminRefusal(413, 'too-long', `a request has at most ${MAX_BODY_BYTES} bytes`)
    chunks.push(chunk as Buffer)
  }
  const body = Buffer.concat(chunks).toString()
  if (body.trim() === '') return {}
  try {
    return JSON.parse(body)
  } catch {
    throw new AdminRefusal(400, 'bad-request', 'the body is no JSON')
  }
}
