// The messages: commands from a player, messages to a player, one JSON object a frame with a length
// of two bytes. parseCommand() validates everything that a client sends. Uses no rooms and no
// sockets.
import { FrameEncoder } from 'pollport'
import { TOKEN_CHARS } from './tokens.ts'

/** Both directions: two bytes of length, most significant first, then that many bytes of JSON. */
export const LENGTH_BYTES = 2
export const PROTOCOL_VERSION = 4

/**
 * From the server: what its two bytes of length can say. The longest is the end of a match; with
 * the most and the longest names that may be set it has about 57 kB, with the defaults 3 kB.
 */
export const MAX_REPLY_BYTES = 65_535

/** How long texts may be, in Unicode code points. */
export interface TextLimits {
  maxNameChars: number
  maxPasswordChars: number
  maxTextChars: number
}

/** What a client sends: optional fields have a default. */
export type Request =
  | Exclude<
      Command,
      {
        type:
          | 'name'
          | 'mute'
          | 'rooms'
          | 'watch-rooms'
          | 'create'
          | 'hold'
          | 'join'
          | 'spectate'
          | 'queue'
          | 'practice'
      }
    >
  | { type: 'name'; name: string; account?: string }
  | { type: 'mute'; name: string; on?: boolean }
  | { type: 'rooms'; from?: number; filter?: string; open?: boolean }
  | { type: 'watch-rooms'; on?: boolean; filter?: string; open?: boolean }
  | {
      type: 'create'
      room: string
      capacity?: number
      private?: boolean
      password?: string
      game?: string
      settings?: Record<string, unknown>
    }
  | { type: 'queue' | 'practice'; game?: string }
  | { type: 'hold' | 'join' | 'spectate'; room: string; password?: string }

/** A request that {@link parseCommand} has validated, with its defaults filled in. */
export type Command =
  /** `account`: the token of the last `welcome`; without it, or with a void one, a new account. */
  | { type: 'name'; name: string; account: string | undefined }
  /** Instead of a name: takes back the seat of a lost connection. */
  | { type: 'resume'; token: string }
  /** For good: the seat is given up, and the token with it. */
  | { type: 'sign-out' }
  /** A page of the list. */
  | { type: 'rooms'; from: number; filter: RoomFilter }
  /** The first page, and from then on every change. */
  | { type: 'watch-rooms'; on: boolean; filter: RoomFilter }
  | { type: 'players'; from: number }
  /** The first places by skill, and one's own. */
  | { type: 'leaders' }
  /** One's own last matches. */
  | { type: 'history' }
  | {
      type: 'create'
      room: string
      capacity: number | undefined
      private: boolean
      password: string | undefined
      /** undefined: the first game of the server. */
      game: string | undefined
      /** Of the game; the rules validate them. */
      settings: Record<string, unknown> | undefined
    }
  /** `room`, in these, is a name or the code of a private one. */
  | { type: 'hold'; room: string; password: string | undefined }
  | { type: 'join'; room: string; password: string | undefined }
  | { type: 'spectate'; room: string; password: string | undefined }
  /** A match with anybody of about the same skill; a room is made for it. */
  | { type: 'queue'; game: string | undefined }
  | { type: 'unqueue' }
  /** A room against bots, at once; its matches do not count. */
  | { type: 'practice'; game: string | undefined }
  | { type: 'leave' }
  | { type: 'kick'; name: string }
  | { type: 'host'; name: string }
  | { type: 'ready'; ready: boolean }
  /**
   * What the player does in the match of that number; the game validates it. `seq` counts up from
   * 1: late ones are ignored.
   */
  | { type: 'input'; match: number; seq: number; input: unknown }
  /** To the room, or to the lobby if the player is in none. */
  | { type: 'say'; text: string }
  /** From now on no chat of this player, or again. */
  | { type: 'mute'; name: string; on: boolean }
  /** To the operators, with the last lines of that player. */
  | { type: 'report'; name: string; text: string }
  | { type: 'ping'; id: number }
  /**
   * Asks for a token for datagrams; a new one makes the one before invalid.
   * Answered by the gateway.
   */
  | { type: 'udp' }

/** Numbers of matches and of inputs have four bytes in a datagram. */
const MAX_UINT32 = 2 ** 32 - 1

/** What a player may know of a match after a tick. */
export interface MatchState {
  match: number
  /** Counts up: an older one than the last is ignored. */
  tick: number
  /**
   * In the order of `players` of 'match-started': of the last input that counted. Where each player
   * has a view of its own, those of others are 0.
   */
  seqs: number[]
  /** As the game has it. */
  view: unknown
}

/** A game that rooms can choose, for so many players. */
export interface GameInfo {
  name: string
  title: string
  least: number
  most: number
}

/** The limits of the server that a page shows, or keeps to by itself; see config.ts. */
export interface LimitsInfo {
  maxNameChars: number
  maxTextChars: number
  maxPasswordChars: number
  maxRoomPlayers: number
  minMatchPlayers: number
  kickedMs: number
  resumeMs: number
}

export interface MemberInfo {
  name: string
  ready: boolean
  /** The connection is lost, and the seat is kept for a while. */
  away: boolean
  spectator: boolean
}

/** Which rooms: those with `text` in their names, and, with `open`, where a seat is free. */
export interface RoomFilter {
  text: string
  open: boolean
}

/** A match that a player has played. */
export interface PlayedMatch {
  /** Milliseconds since 1970. */
  endedAtMs: number
  room: string
  players: number
  score: number
  won: boolean
  /** After it. */
  skill: number
}

export type Presence = 'lobby' | 'queue' | 'room' | 'match' | 'away'

export interface RoomInfo {
  name: string
  players: number
  capacity: number
  spectators: number
  isPlaying: boolean
  hasPassword: boolean
  game: string
}

export type ServerMessage =
  | {
      type: 'hello'
      version: number
      maxFrameBytes: number
      limits: LimitsInfo
      games: GameInfo[]
    }
  /**
   * `token` brings the player back after a lost connection, within `resumeMs`. A new one comes with
   * each use. `account` is kept by the client: with it the player is the same one at any time.
   */
  | { type: 'welcome'; name: string; token: string; resumeMs: number; account: string }
  | { type: 'rooms'; rooms: RoomInfo[]; from: number; total: number }
  | { type: 'rooms-changed'; rooms: RoomInfo[]; gone: string[] }
  | { type: 'players'; players: { name: string; where: Presence }[]; from: number; total: number }
  /** `skill` is the player's own; `players` are all who have played. */
  | { type: 'leaders'; leaders: { name: string; skill: number }[]; skill: number; players: number }
  /** The newest first. */
  | { type: 'history'; matches: PlayedMatch[] }
  | { type: 'queued'; game: string; skill: number; players: number }
  | { type: 'unqueued' }
  | { type: 'held'; room: string; forMs: number }
  /** To those in the room: a free seat waits for somebody who is about to join. */
  | { type: 'seat-kept'; name: string; forMs: number }
  /** With `code`, others can join a private room. */
  | {
      type: 'joined'
      room: string
      code?: string
      host: string
      capacity: number
      game: string
      /** Of the game in this room. */
      settings: Record<string, unknown>
      /** Against bots, and nobody else comes. */
      practice?: true
      members: MemberInfo[]
    }
  | { type: 'signed-out' }
  /**
   * `byOperator`: the room was closed by an operator, who says why. `byNode`: the server of the
   * room, one of many, was lost (then `room` can be empty) or is about to end. `isIdle`: the bots
   * of a practice waited too long.
   */
  | {
      type: 'left'
      room: string
      byOperator?: string
      byNode?: 'lost' | 'drained'
      isIdle?: true
    }
  | { type: 'member-joined'; name: string; spectator: boolean }
  | { type: 'member-left'; name: string; kicked: boolean }
  | { type: 'member-away'; name: string }
  | { type: 'member-back'; name: string }
  | { type: 'host'; name: string }
  /** The host has removed the player. */
  | { type: 'kicked'; room: string }
  | { type: 'ready'; name: string; ready: boolean }
  | { type: 'countdown'; startsInMs: number }
  | { type: 'countdown-stopped' }
  | { type: 'chat'; from: string; to: 'room' | 'lobby'; text: string }
  /** From an operator, to this player or to all of them. */
  | { type: 'announcement'; to: 'you' | 'all'; text: string }
  /**
   * `match` is its number, `players` the order in which {@link MatchState} has them. A
   * player that joins or comes back while the match runs gets it, too; and all get it again when
   * somebody joins. Without `endsInMs`, no clock ends the match.
   */
  | {
      type: 'match-started'
      match: number
      game: string
      players: readonly string[]
      endsInMs?: number
    }
  /** As often as the game sends it, to players that datagrams do not reach. */
  | ({ type: 'state' } & MatchState)
  /** Something happened in a match; the game says what. */
  | { type: 'event'; match: number; event: object }
  /**
   * `saved`: the result and the skills are in the store, and stay whatever happens to the server.
   */
  | {
      type: 'match-ended'
      match: number
      winners: string[]
      scores: { name: string; score: number }[]
      skills: { name: string; skill: number }[]
      /** Of its random numbers. */
      seed: string
      saved: boolean
    }
  /**
   * `token`: sixteen hexadecimal digits, see datagram.ts. With `secret`, which a client of TLS gets
   * alone, all datagrams are encrypted, see sealed.ts.
   */
  | { type: 'udp'; port: number; token: string; secret?: string }
  | { type: 'muted'; name: string; on: boolean }
  | { type: 'reported'; name: string }
  | { type: 'pong'; id: number }
  | { type: 'error'; code: RefusalCode; message: string }
  /**
   * The server is about to shut down: nobody can join, no match starts, and running ones have so
   * long to end.
   */
  | { type: 'draining'; withinMs: number }
  /** The server ends. */
  | { type: 'bye' }

export type RefusalCode =
  | 'bad-json'
  | 'bad-message'
  | 'unknown-command'
  | 'bad-name'
  | 'bad-text'
  | 'bad-password'
  | 'bad-capacity'
  | 'bad-settings'
  | 'bad-input'
  | 'no-such-game'
  | 'name-first'
  | 'name-taken'
  | 'name-reserved'
  | 'already-named'
  | 'bad-token'
  | 'token-used'
  | 'token-expired'
  | 'room-taken'
  | 'no-such-room'
  | 'no-such-member'
  | 'not-host'
  | 'kicked'
  | 'password-needed'
  | 'wrong-password'
  | 'locked-out'
  | 'no-such-player'
  | 'spectator'
  | 'room-full'
  | 'too-many-rooms'
  | 'queue-full'
  | 'draining'
  | 'no-history'
  | 'no-bots'
  | 'not-queued'
  | 'in-a-room'
  | 'not-in-a-room'
  | 'match-running'
  | 'no-match'
  | 'no-udp'
  | 'too-fast'
  /** What all servers of this lobby know together cannot be asked now. */
  | 'cluster-away'
  // After these the connection is closed.
  | 'flood'
  | 'frame-too-large'
  | 'sign-in-timeout'
  | 'idle'
  | 'server-full'
  | 'too-many-connections'
  | 'replaced'
  | 'removed'
  /** Also the answer to a name: then the connection stays open. */
  | 'banned'

/** Why a command was not done: only its sender gets this. */
export class Refusal extends Error {
  readonly code: RefusalCode

  constructor(code: RefusalCode, message: string) {
    super(message)
    this.code = code
  }

  toMessage(): ServerMessage {
    return { type: 'error', code: this.code, message: this.message }
  }
}

const encoder = new FrameEncoder({ lengthBytes: LENGTH_BYTES, maxFrameBytes: MAX_REPLY_BYTES })

/** A message as bytes. A broadcast encodes it once for all receivers. */
export function encode(message: Request | ServerMessage): Buffer {
  return encoder.encode(JSON.stringify(message))
}

/** For clients, which trust their server, up to a point (see client.ts). */
export function parseMessage(frame: Uint8Array): ServerMessage {
  return JSON.parse(utf8.decode(frame))
}

/** For the server. Throws a {@link Refusal} for anything that is not exactly a command. */
export function parseCommand(frame: Uint8Array, limits: TextLimits): Command {
  const fields = parseObject(frame)
  switch (fields.type) {
    case 'name':
      return {
        type: 'name',
        name: checkName(fields.name, limits),
        account: checkAccount(fields.account)
      }
    case 'resume':
      return { type: 'resume', token: checkToken(fields.token) }
    case 'rooms':
      return {
        type: 'rooms',
        from: checkInteger(fields.from ?? 0, 'from'),
        filter: checkFilter(fields, limits)
      }
    case 'watch-rooms':
      return {
        type: 'watch-rooms',
        on: checkBoolean(fields.on ?? true, 'on'),
        filter: checkFilter(fields, limits)
      }
    case 'players':
      return { type: 'players', from: checkInteger(fields.from ?? 0, 'from') }
    case 'create':
      return {
        type: 'create',
        room: checkName(fields.room, limits),
        capacity:
          fields.capacity === undefined ? undefined : checkInteger(fields.capacity, 'capacity'),
        private: checkBoolean(fields.private ?? false, 'private'),
        password: checkPassword(fields.password, limits),
        game: checkGame(fields.game),
        settings: checkSettings(fields.settings)
      }
    case 'hold':
    case 'join':
    case 'spectate':
      return {
        type: fields.type,
        room: checkName(fields.room, limits),
        password: checkPassword(fields.password, limits)
      }
    case 'kick':
    case 'host':
      return { type: fields.type, name: checkName(fields.name, limits) }
    case 'leave':
    case 'udp':
    case 'sign-out':
    case 'unqueue':
    case 'leaders':
    case 'history':
      return { type: fields.type }
    case 'queue':
      return { type: 'queue', game: checkGame(fields.game) }
    case 'practice':
      return { type: 'practice', game: checkGame(fields.game) }
    case 'ready':
      return { type: 'ready', ready: checkBoolean(fields.ready ?? true, 'ready') }
    case 'input':
      return {
        type: 'input',
        match: checkInteger(fields.match, 'match', MAX_UINT32),
        seq: checkInteger(fields.seq, 'seq', MAX_UINT32),
        input: fields.input
      }
    case 'say':
      return { type: 'say', text: checkText(fields.text, limits) }
    case 'mute':
      return {
        type: 'mute',
        name: checkName(fields.name, limits),
        on: checkBoolean(fields.on ?? true, 'on')
      }
    case 'report':
      return {
        type: 'report',
        name: checkName(fields.name, limits),
        text: checkText(fields.text, limits)
      }
    case 'ping':
      return { type: 'ping', id: checkInteger(fields.id ?? 0, 'id') }
    default:
      if (typeof fields.type !== 'string')
        throw new Refusal('bad-message', 'a message needs a "type", which is a string')
      throw new Refusal('unknown-command', 'there is no such command')
  }
}

/** The widest character of a text, as JSON: four bytes of UTF-8. */
const WIDE = '\u{10000}'

/**
 * The bytes of the longest command that these limits allow, without the settings of a room: names
 * and texts full of the widest characters.
 */
export function longestCommandBytes(limits: TextLimits): number {
  const name = WIDE.repeat(limits.maxNameChars)
  const password = WIDE.repeat(limits.maxPasswordChars)
  const commands: Request[] = [
    { type: 'report', name, text: WIDE.repeat(limits.maxTextChars) },
    { type: 'create', room: name, capacity: 100, private: false, password },
    { type: 'resume', token: 'x'.repeat(TOKEN_CHARS) }
  ]
  return Math.max(...commands.map((command) => Buffer.byteLength(JSON.stringify(command))))
}

export { keyOf } from './names.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

function parseObject(frame: Uint8Array): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(utf8.decode(frame))
  } catch {
    throw new Refusal('bad-json', 'a frame must hold one JSON object in UTF-8')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Refusal('bad-json', 'a frame must hold one JSON object, no other value')
  }
  return value as Record<string, unknown>
}

// Letters, digits, punctuation and symbols with single spaces between them: no control characters,
// nothing invisible, no text direction tricks.
const namePattern = /^(?! )(?!.* {2})[\p{L}\p{M}\p{N}\p{P}\p{S} ]+(?<! )$/u
/**
 * More marks on one character than any language writes (30 is what UAX #15 allows in "stream-safe"
 * text). They cover the lines around, and to sort thousands of them, which normalizing does, takes
 * as long as hundreds of other commands.
 */
const heapOfMarks = /\p{M}{31}/u
/**
 * Without ink, or nearly so: a blank Braille pattern, notehead, hieroglyph or number joiner, a
 * placeholder of an object, a stretched join, strokes through the letter before.
 */
const invisible =
  /\p{Default_Ignorable_Code_Point}|[\u2800\u{1d159}\u{13441}\u{13442}\u{1107f}\ufffc\u0640]|[\u0334-\u0338]/u
// Chat may have what writing needs, but nothing that moves a terminal's cursor or turns the line
// around; a lone surrogate is no character.
const forbiddenInText = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u

function checkName(value: unknown, limits: TextLimits): string {
  if (typeof value !== 'string') throw new Refusal('bad-message', 'a name must be a string')
  const name = heapOfMarks.test(value) ? '' : value.normalize('NFC')
  if (name === '' || [...name].length > limits.maxNameChars) {
    throw new Refusal('bad-name', `a name has 1 to ${limits.maxNameChars} characters`)
  }
  if (!namePattern.test(name) || invisible.test(name)) {
    throw new Refusal(
      'bad-name',
      'a name has 1 or more visible characters, and spaces only one at a time between them'
    )
  }
  return name
}

function checkPassword(value: unknown, limits: TextLimits): string | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string') throw new Refusal('bad-message', '"password" must be a string')
  if (value === '' || [...value].length > limits.maxPasswordChars) {
    throw new Refusal('bad-password', `a password has 1 to ${limits.maxPasswordChars} characters`)
  }
  return value
}

/** The name of a game; the rules know which there are. */
function checkGame(value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value
  throw new Refusal('bad-message', '"game" must be a string')
}

function checkSettings(value: unknown): Record<string, unknown> | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw new Refusal('bad-message', '"settings" must be an object')
}

function checkFilter(
  { filter = '', open = false }: Record<string, unknown>,
  limits: TextLimits
): RoomFilter {
  if (typeof filter !== 'string') throw new Refusal('bad-message', '"filter" must be a string')
  if ([...filter].length > limits.maxNameChars) {
    throw new Refusal('bad-message', `"filter" has at most ${limits.maxNameChars} characters`)
  }
  return { text: filter, open: checkBoolean(open, 'open') }
}

/** Only its form; tokens.ts checks the signature. */
function checkToken(value: unknown): string {
  if (typeof value === 'string' && value.length === TOKEN_CHARS) return value
  throw new Refusal('bad-token', 'this token is not from this server')
}

/** Only that it is one: what is void is for the rules to decide. */
function checkAccount(value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value
  throw new Refusal('bad-message', '"account" must be a string')
}

function checkText(value: unknown, limits: TextLimits): string {
  if (typeof value !== 'string') throw new Refusal('bad-message', '"text" must be a string')
  const text = heapOfMarks.test(value) ? '' : value.normalize('NFC').trim()
  if (text === '' || [...text].length > limits.maxTextChars || forbiddenInText.test(text)) {
    throw new Refusal(
      'bad-text',
      `a chat line has 1 to ${limits.maxTextChars} characters and no control characters`
    )
  }
  return text
}

function checkInteger(value: unknown, field: string, most = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most)
    return value as number
  const range = most === Number.MAX_SAFE_INTEGER ? '0 or more' : `from 0 to ${most}`
  throw new Refusal('bad-message', `"${field}" must be a whole number, ${range}`)
}

function checkBoolean(value: unknown, field: string): boolean {
  if (typeof value === 'boolean') return value
  throw new Refusal('bad-message', `"${field}" must be true or false`)
}
