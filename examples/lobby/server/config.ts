// Everything that an operator can set: the limits of the rules, the settings of the games, and what
// belongs to the server alone. settings.ts reads them.
import { z } from 'zod'
import { games } from '../games/index.ts'
import { originOf } from '../gateway/hosts.ts'
import { listOf } from '../gateway/settings.ts'
import { type Game, type Games, gamesOf } from '../rules/game.ts'
import { limitSettings } from '../rules/limits.ts'
import { whole } from '../rules/whole.ts'

/** Some words, separated by commas. */
function names(what: string) {
  return z.string().default('').describe(`names, separated by commas, ${what}`)
}

const DAY_MS = 24 * 60 * 60_000

/** Of the server, and the limits. */
const serverSettings = {
  host: z
    .string()
    .min(1, 'must not be empty')
    .default('127.0.0.1')
    .describe('where to listen: an address, or a host name of this machine'),
  port: whole(5959, 0, 65_535, 'of the players; 0 takes a free one'),
  udpPort: whole(
    5959,
    0,
    65_535,
    'of their datagrams; with more workers also the next ones; 0 takes free ones'
  ),
  webHost: z
    .string()
    .default('')
    .describe('where the web port listens, if not where --host says; 127.0.0.1 behind a proxy'),
  webPort: whole(5960, 0, 65_535, 'of the web page and its WebSockets; 0 takes a free one'),
  workers: whole(0, 0, 64, 'threads that hold the connections; 0: the main thread does'),
  store: z
    .string()
    .default('')
    .describe('a folder for skills and results; without one they are lost when the server ends'),
  operatorHost: z
    .string()
    .min(1, 'must not be empty')
    .default('127.0.0.1')
    .describe('where the operator port listens'),
  operatorPort: whole(
    5961,
    0,
    65_535,
    'of the monitor page, /metrics and /healthz; 0 takes a free one'
  ),
  operatorToken: z
    .string()
    .regex(/^([\w.~+/-]{16,}=*)?$/, 'must have 16 or more letters and digits, and no spaces')
    .default('')
    .describe('what operators prove themselves by; without one the server makes one and prints it'),
  operatorHosts: names('by which operators reach their port; addresses and localhost always count'),
  maxPracticeBots: whole(200, 0, 10_000, 'that play with people who practise; three each'),
  trustedProxies: names(
    'addresses or networks (10.0.0.0/8) of proxies: these must send a PROXY header of version 2 to the game port; at the web port see --web-proxies'
  ),
  webProxies: z
    .enum(['http', 'tcp'], 'must be http or tcp')
    .default('http')
    .describe(
      'what the trusted proxies are at the web port: http ones set X-Forwarded-For, tcp ones must send a PROXY header there, too'
    ),
  webOrigins: names(
    'pages that may connect (https://game.example), whose hosts are also names of the web port; without them: its own page, at an address, localhost or --web-host'
  )
    .refine(
      (text) => listOf(text).every((origin) => originOf(origin) !== undefined),
      'must be origins as https://game.example, separated by commas'
    )
    .overwrite((text) => listOf(text).map(originOf).join(',')),
  tlsCert: z.string().default('').describe('a file in PEM, with the chain; read again on change'),
  tlsKey: z.string().default('').describe('a file in PEM; with --tls-cert the doors speak TLS'),
  tlsDoors: names('of the doors that speak TLS').default('game,web,operators'),
  cluster: z
    .string()
    .regex(/^(rediss?:\/\/.+)?$/, 'must be redis://host:port or rediss://host:port')
    .default('')
    .describe('a Redis or Valkey (redis://host:6379) that makes all its lobbies one; empty: alone'),
  node: z
    .string()
    .regex(/^[\w.-]{0,64}$/, 'must have letters, digits, ".", "_" and "-"')
    .default('')
    .describe('the name of this lobby in the cluster; empty: host name and port'),
  nodeHost: z
    .string()
    .min(1, 'must not be empty')
    .default('127.0.0.1')
    .describe('where it listens for the other nodes'),
  nodePort: whole(0, 0, 65_535, 'of that; 0 takes a free one'),
  nodeAddress: z
    .string()
    .default('')
    .describe('host:port where the other nodes reach it; empty: where it listens'),
  clusterSecret: z
    .string()
    .regex(/^(.{16,})?$/, 'must have 16 or more characters')
    .default('')
    .describe(
      'signs tokens at all nodes, and they prove themselves by it; empty: the first makes one'
    ),
  leaseMs: whole(
    4_000,
    400,
    5_000,
    'a node that the others do not see for so long is taken for dead; renewed each quarter'
  ),
  drainMs: whole(60_000, 0, DAY_MS, 'after SIGTERM, how long running matches may take to end'),
  logLevel: z
    .enum(
      ['silent', 'error', 'warn', 'info', 'debug'],
      'must be silent, error, warn, info or debug'
    )
    .default('warn')
    .describe('what is written to stderr, one JSON object a line'),
  games: z
    .string()
    .default('')
    .refine(
      (text) => listOf(text).every((name) => games.has(name)),
      `must be some of ${[...games.keys()].join(', ')}, separated by commas`
    )
    .refine(
      (text) => new Set(listOf(text)).size === listOf(text).length,
      'must have each game once'
    )
    .describe('names, separated by commas: the first is for rooms that choose none; empty: all'),
  ...limitSettings
}

/** A setting of a game: `coin-arena.matchMs`. */
type GameSettings = { [name: `${string}.${string}`]: unknown }

function settingsOfGames(list: Games): Record<string, z.ZodType> {
  const fields = [...list.values()].flatMap(({ name, settings }) =>
    Object.entries(settings.shape).map(([field, schema]) => [`${name}.${field}`, schema])
  )
  return Object.fromEntries(fields)
}

const serverSchema = z.strictObject(serverSettings)
/** Everything that an operator can set. */
export const settingsSchema = z.strictObject({ ...settingsOfGames(games), ...serverSettings })
export type Settings = z.infer<typeof serverSchema> & GameSettings
export const defaultSettings: Settings = settingsSchema.parse({})

/** Those of the games that the operator wants, the first one first. */
export function gamesFor(settings: Settings, list: Games): Games {
  const chosen = listOf(settings.games).map((name) => list.get(name) as Game)
  return chosen.length === 0 ? list : gamesOf(...chosen)
}

/** What the operator has set, by the name of each game. */
export function gameSettingsOf(settings: Settings, list: Games) {
  return new Map(
    [...list.keys()].map((name) => {
      const own = Object.entries(settings).filter(([key]) => key.startsWith(`${name}.`))
      const fields = own.map(([key, value]) => [key.slice(name.length + 1), value])
      return [name, Object.fromEntries(fields) as Record<string, unknown>] as const
    })
  )
}
