// The limits: every number with its unit in its name, its range and its purpose. The rules take
// them as an argument, so that a test can use its own.
import { z } from 'zod'
import { whole } from './whole.ts'

/**
 * A quarter of the rooms at a time, spread over the tick: two thousand states sent at once would
 * delay everything else.
 */
export const TICK_PARTS = 4

/** How many commands a question for one's history counts for: each reads the store. */
export const HISTORY_COST = 10
/** The same for a report: somebody has to read it. */
export const REPORT_COST = 20

const DAY_MS = 24 * 60 * 60_000
const MIB = 1024 * 1024

/** What one client may cost the others: memory and time. */
export const limitSettings = {
  maxConnections: whole(
    5_000,
    1,
    1_000_000,
    'one more gets `server-full`; each needs a descriptor (ulimit -n)'
  ),
  maxConnectionsPerAddress: whole(
    100,
    1,
    1_000_000,
    'one more from the same address, or IPv6 /64, is disconnected; households and offices share one'
  ),
  maxSignInsPerAddress: whole(
    120,
    1,
    1_000_000,
    'names chosen from one address in a minute, refused ones included'
  ),
  maxRoomsPerAddress: whole(20, 1, 1_000_000, 'at once, of players of one address'),
  maxNewRoomsPerAddress: whole(30, 1, 1_000_000, 'made from one address in a minute'),
  maxReportsPerAddress: whole(
    10,
    1,
    1_000_000,
    'of players, from one address in a minute: operators read each'
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
    'how long `hold` reserves a seat for a player who is about to join'
  ),
  kickedMs: whole(60_000, 0, DAY_MS, 'how long a player that the host removed cannot come back'),
  maxPasswordTries: whole(5, 1, 1_000, 'wrong passwords of a room from one address; then it waits'),
  passwordLockMs: whole(60_000, 0, DAY_MS, 'for so long, and wrong passwords count for so long'),
  ratedPairsPerDay: whole(
    10,
    1,
    1_000_000,
    'matches a day in which the same two accounts change the skill of each other'
  ),
  ratedPerAddressPerDay: whole(
    10,
    1,
    1_000_000,
    'matches a day that change the skill of one account by players of one address; of four players, each opponent is a third of one'
  ),
  newAccountsPerAddressPerDay: whole(
    100,
    1,
    1_000_000,
    'new accounts of one address that become known in a day; others play, and stay unknown'
  ),
  maxPasswordChars: whole(32, 1, 100, 'of a room, in Unicode code points'),
  practiceIdleMs: whole(
    60_000,
    1,
    DAY_MS,
    'so long bots wait for somebody to get ready; then they play with others'
  ),
  countdownMs: whole(3_000, 0, 60_000, 'between "all are ready" and the start; 0 = at once'),
  minMatchPlayers: whole(2, 2, 100, 'fewer do not play'),
  maxListedRooms: whole(20, 1, 40, 'entries in one page of a list'),
  roomListEveryMs: whole(500, 0, 60_000, 'how often players who watch the list get its changes'),

  maxQueued: whole(2_000, 0, 100_000, 'players who wait for a quick match'),
  quickMatchPlayers: whole(4, 2, 100, 'players in a group'),
  quickMatchEveryMs: whole(500, 0, 60_000, 'how often'),
  skillReach: whole(100, 0, 10_000, 'how much the skills of a group may differ at first'),
  skillReachPerSecond: whole(25, 0, 10_000, 'and by how much more with each second of waiting'),
  anySkillAfterMs: whole(20_000, 0, DAY_MS, 'then skill no longer matters'),
  smallGroupAfterMs: whole(5_000, 0, DAY_MS, 'after so long a wait a smaller group is enough'),

  inputsPerSecond: whole(60, 1, 1_000, 'datagrams of one player; more are ignored'),
  udpSilenceMs: whole(
    1_000,
    100,
    DAY_MS,
    'a player who acknowledges no state for so long gets it by TCP'
  ),

  messagesPerSecond: whole(20, 1, 1_000_000, 'commands of one player, of any kind'),
  burstMessages: whole(40, 1, 1_000_000, 'the size of a burst above that rate'),
  lobbyChatMessages: whole(
    4,
    1,
    1_000,
    'how many commands a chat line in the lobby counts for, since hundreds may receive it'
  ),
  lobbyHearersPerSecond: whole(
    20_000,
    1,
    1_000_000_000,
    'all chat lines in the lobby together, times their receivers; more are refused'
  ),
  maxLobbyLinesPerAddress: whole(
    60,
    1,
    1_000_000,
    'chat lines in the lobby from one address in a minute'
  ),
  maxDroppedMessages: whole(
    40,
    0,
    1_000_000,
    'so many commands over the rate in a row disconnect the player'
  ),

  maxVisitors: whole(
    256,
    1,
    100_000,
    'unfinished requests to the web port, and as many visitors of its page; one more closes the oldest'
  ),
  visitMs: whole(
    10_000,
    1,
    DAY_MS,
    'a visitor without a complete request and answer by then is disconnected'
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
    'without a byte in either direction; then the player is disconnected'
  ),
  goodbyeMs: whole(
    1_000,
    1,
    60_000,
    'how long a player who is disconnected may take to read the reason'
  ),
  maxGoodbyes: whole(256, 0, 100_000, 'so many at once; more are reset without a message'),

  maxUnreadBytes: whole(
    128 * 1024,
    16 * 1024,
    1024 * MIB,
    'queued for a client that does not read; one byte more and it is reset'
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

const limitsSchema = z.strictObject(limitSettings)
export type Limits = z.infer<typeof limitsSchema>
export const defaultLimits: Limits = limitsSchema.parse({})

/** The limits of some settings, without the rest. */
export function limitsOf(settings: Limits): Limits {
  const names = Object.keys(limitSettings)
  return limitsSchema.parse(
    Object.fromEntries(Object.entries(settings).filter(([name]) => names.includes(name)))
  )
}
