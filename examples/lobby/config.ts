// Every number that the lobby lives by, each with its unit in its name. Knows no rules: they are handed these limits, so that a test may use its own.

export const DEFAULT_HOST = '127.0.0.1'
export const DEFAULT_PORT = 5959

/** How often the rules look at the clock. A match may end this much late, which no player notices. */
export const TICK_MS = 50

/** What one stranger may cost the others: memory, time, attention. */
export const defaultLimits = {
  /** One more is told that the server is full. Each needs a descriptor: see `ulimit -n`. */
  maxConnections: 5_000,
  /** From a client. The longest honest command is a chat line of 300 characters, at most 1.2 kB in UTF-8. */
  maxFrameBytes: 4_096,
  /** Of players and of rooms, in Unicode code points. */
  maxNameChars: 24,
  maxTextChars: 300,

  maxRooms: 1_000,
  maxRoomPlayers: 8,
  maxSpectators: 16,
  /** A seat that was asked for before joining is kept for so long. */
  seatHoldMs: 10_000,
  /** Who was sent out by the host does not come in again for so long. */
  kickedMs: 60_000,
  maxPasswordChars: 32,
  /** Between "all are ready" and the start; 0 = at once. */
  countdownMs: 3_000,
  minMatchPlayers: 2,
  /** In one answer to `rooms`; the rest is asked for page by page. */
  maxListedRooms: 20,
  /** A match that nobody finishes ends by itself. */
  matchMs: 15_000,

  /** Who wants a match with anybody waits in a queue of so many at most; groups of so many are made. */
  maxQueued: 2_000,
  quickMatchPlayers: 4,
  quickMatchEveryMs: 500,
  /** Skills may differ by this at first, and by so much more with each second of waiting; then anybody will do. */
  skillReach: 100,
  skillReachPerSecond: 25,
  anySkillAfterMs: 20_000,
  /** After so long a wait a smaller group will do. */
  smallGroupAfterMs: 5_000,

  /** Commands of one player, whatever they are; a burst may be saved up. */
  messagesPerSecond: 20,
  burstMessages: 40,
  /** What a chat line in the lobby counts for, since hundreds may hear it. */
  lobbyChatMessages: 4,
  /** So many commands over the rate in a row, and the player is cut off. */
  maxDroppedMessages: 40,

  /** From connecting to having a name. */
  signInMs: 10_000,
  /** A lost connection's seat, in its room and its match, is kept for so long. */
  resumeMs: 30_000,
  /** A resume token is good for so long; a player who stays longer gets a new one with each resume. */
  tokenMs: 12 * 60 * 60_000,
  /** Without a byte in either direction. The client in this folder pings more often than that. */
  idleMs: 120_000,
  /** A player who was told to go may read the reason for so long. */
  goodbyeMs: 1_000,
  /** So many at once; the next ones are cut off without a word. */
  maxGoodbyes: 256,

  /** Queued for a client that does not read; one byte more and it is cut off. */
  maxUnreadBytes: 128 * 1024,
  /** The kernel's part of that queue (SO_SNDBUF; Linux doubles it for its own bookkeeping). */
  sendBufferBytes: 32 * 1024
}

export type Limits = typeof defaultLimits

/** From the server. The longest is a page of rooms, about 4 kB. */
export const MAX_REPLY_BYTES = 16 * 1024
/** The client's: what keeps a thinking person from being idle. */
export const CLIENT_PING_MS = 30_000

/** How the bots behave: see bots.ts. */
export const bots = {
  /** Many, so that few of a thousand act in the same tick: real players do not move in step. */
  ticksPerSecond: 200,
  /** New connections; and no more than so many half open, which the listener's backlog holds easily. */
  connectsPerSecond: 500,
  maxConnecting: 64,
  /** Between two things that a bot does, evenly spread. */
  minPauseMs: 400,
  maxPauseMs: 2_400,
  pingEveryMs: 1_000,
  reconnectMs: 2_000,
  reportEveryMs: 1_000
}
