// Every number that the lobby lives by, each with its unit in its name, its range and what it is
// for. The rules are handed the limits, so that a test may use its own; settings.ts reads what an
// operator wants instead of the defaults.
import { z } from 'zod'

/** How often the rules look at the clock, and matches move on. */
export const TICKS_PER_SECOND = 30
/**
 * A quarter of the rooms at a time, spread over the tick: two thousand states sent at once would
 * hold up everything else.
 */
export const TICK_PARTS = 4

const digits = z.string().regex(/^\d+$/, 'must be a whole number').transform(Number)

/**
 * A whole number with its default. In files it is a number, in the environment and in flags it is
 * digits.
 */
function whole(fallback: number, least: number, most: number, what: string) {
  const range = `must be a whole number from ${least} to ${most}`
  return z
    .union([z.number(), digits], range)
    .pipe(z.number(range).int(range).min(least, range).max(most, range))
    .default(fallback)
    .describe(what)
}

const DAY_MS = 24 * 60 * 60_000
const MIB = 1024 * 1024

/** What one stranger may cost the others: memory, time, attention. */
const limits = {
  maxConnections: whole(
    5_000,
    1,
    1_000_000,
    'one more is told that the server is full; each needs a descriptor (ulimit -n)'
  ),
  maxConnectionsPerAddress: whole(
    1_000_000,
    1,
    1_000_000,
    'one more from the same address is sent away; households and offices share one'
  ),
  maxFrameBytes: whole(
    4_096,
    256,
    65_535,
    'from a client; the longest honest command is a chat line, at most 1.2 kB'
  ),
  maxNameChars: whole(24, 1, 40, 'of players and of rooms, in Unicode code points'),
  maxTextChars: whole(300, 1, 1_000, 'of a chat line, in Unicode code points'),

  maxRooms: whole(1_000, 1, 1_000_000, 'at once'),
  maxRoomPlayers: whole(
    8,
    2,
    100,
    'the most seats that a room may have; the state of a hundred fits one datagram'
  ),
  maxSpectators: whole(16, 0, 100, 'of a room'),
  seatHoldMs: whole(
    10_000,
    0,
    DAY_MS,
    'a seat that was asked for before joining is kept for so long'
  ),
  kickedMs: whole(
    60_000,
    0,
    DAY_MS,
    'who was sent out by the host does not come in again for so long'
  ),
  maxPasswordChars: whole(32, 1, 100, 'of a room, in Unicode code points'),
  countdownMs: whole(3_000, 0, 60_000, 'between "all are ready" and the start; 0 = at once'),
  minMatchPlayers: whole(2, 2, 100, 'fewer do not play'),
  maxListedRooms: whole(
    20,
    1,
    40,
    'in one answer to a question for a list; the rest is asked for page by page'
  ),
  roomListEveryMs: whole(
    500,
    0,
    60_000,
    'how often those who watch the list are told what has changed in it'
  ),
  matchMs: whole(30_000, 100, DAY_MS, 'a match that nobody has won ends by itself'),
  coinsToWin: whole(10, 1, 255, 'who has so many first has won'),

  maxQueued: whole(2_000, 0, 100_000, 'players who wait for a quick match'),
  quickMatchPlayers: whole(4, 2, 100, 'groups of so many are made'),
  quickMatchEveryMs: whole(500, 0, 60_000, 'how often'),
  skillReach: whole(100, 0, 10_000, 'how much the skills of a group may differ at first'),
  skillReachPerSecond: whole(25, 0, 10_000, 'and by how much more with each second of waiting'),
  anySkillAfterMs: whole(20_000, 0, DAY_MS, 'then anybody will do'),
  smallGroupAfterMs: whole(5_000, 0, DAY_MS, 'after so long a wait a smaller group will do'),

  steersPerSecond: whole(60, 1, 1_000, 'datagrams of one player; those over it are passed over'),
  udpSilenceMs: whole(1_000, 100, DAY_MS, 'who acknowledges no state for so long gets it by TCP'),

  messagesPerSecond: whole(20, 1, 1_000_000, 'commands of one player, whatever they are'),
  burstMessages: whole(40, 1, 1_000_000, 'so many may be saved up'),
  lobbyChatMessages: whole(
    4,
    1,
    1_000,
    'what a chat line in the lobby counts for, since hundreds may hear it'
  ),
  lobbyHearersPerSecond: whole(
    20_000,
    1,
    1_000_000_000,
    'all chat lines in the lobby together, each as often as it is heard; what is over it is refused'
  ),
  maxDroppedMessages: whole(
    40,
    0,
    1_000_000,
    'so many commands over the rate in a row, and the player is cut off'
  ),

  maxVisitors: whole(
    256,
    1,
    100_000,
    'of the web page at once, who are no players yet; one more, and who came first is cut off'
  ),
  visitMs: whole(
    10_000,
    1,
    DAY_MS,
    'who has asked for nothing by then, or has not got it, is no browser'
  ),

  signInMs: whole(10_000, 1, DAY_MS, 'from connecting to having a name'),
  resumeMs: whole(30_000, 0, DAY_MS, "a lost connection's seat is kept for so long"),
  tokenMs: whole(
    DAY_MS / 2,
    1,
    30 * DAY_MS,
    'a resume token is good for so long; each resume gives a new one'
  ),
  idleMs: whole(
    120_000,
    1,
    DAY_MS,
    'without a byte in either direction; then the player is sent away'
  ),
  goodbyeMs: whole(1_000, 1, 60_000, 'a player who was told to go may read the reason for so long'),
  maxGoodbyes: whole(256, 0, 100_000, 'so many at once; the next ones are cut off without a word'),

  maxUnreadBytes: whole(
    128 * 1024,
    16 * 1024,
    1024 * MIB,
    'queued for a client that does not read; one byte more and it is cut off'
  ),
  udpBufferBytes: whole(
    4 * MIB,
    4 * 1024,
    1024 * MIB,
    'datagrams that wait to be received (SO_RCVBUF); the system may grant less (Linux: net.core.rmem_max)'
  ),
  sendBufferBytes: whole(
    32 * 1024,
    4 * 1024,
    64 * MIB,
    "the kernel's part of that queue (SO_SNDBUF; Linux doubles it)"
  )
}

const limitsSchema = z.strictObject(limits)
export type Limits = z.infer<typeof limitsSchema>
export const defaultLimits: Limits = limitsSchema.parse({})

/** Everything that an operator may set. */
export const settingsSchema = z.strictObject({
  host: z
    .string()
    .min(1, 'must not be empty')
    .default('127.0.0.1')
    .describe('where to listen: an address, or a name of this machine'),
  port: whole(5959, 0, 65_535, 'of the players; 0 takes a free one'),
  udpPort: whole(
    5959,
    0,
    65_535,
    'of their datagrams; with more workers also the next ones; 0 takes free ones'
  ),
  webPort: whole(5960, 0, 65_535, 'of the web page and its WebSockets; 0 takes a free one'),
  workers: whole(0, 0, 64, 'threads that hold the connections; 0: the main thread does'),
  store: z
    .string()
    .default('')
    .describe('a folder for skills and results; without one they are forgotten at the end'),
  operatorHost: z
    .string()
    .min(1, 'must not be empty')
    .default('127.0.0.1')
    .describe('where operators are answered'),
  operatorPort: whole(
    5961,
    0,
    65_535,
    'of the monitor page, /metrics and /healthz; 0 takes a free one'
  ),
  drainMs: whole(60_000, 0, DAY_MS, 'after SIGTERM, matches may end for so long'),
  logLevel: z
    .enum(
      ['silent', 'error', 'warn', 'info', 'debug'],
      'must be silent, error, warn, info or debug'
    )
    .default('warn')
    .describe('what is written to the standard error, one JSON object a line'),
  ...limits
})
export type Settings = z.infer<typeof settingsSchema>
export const defaultSettings: Settings = settingsSchema.parse({})

/** The limits of some settings, without the rest. */
export function limitsOf(settings: Settings): Limits {
  const names = Object.keys(limits)
  return limitsSchema.parse(
    Object.fromEntries(Object.entries(settings).filter(([name]) => names.includes(name)))
  )
}

/**
 * From the server: what its two bytes of length can say. The longest is the end of a match; with
 * the most and the longest names that may be set it has about 57 kB, with the defaults 3 kB.
 */
export const MAX_REPLY_BYTES = 65_535
/** The client's: what keeps a thinking person from being idle. */
export const CLIENT_PING_MS = 30_000
