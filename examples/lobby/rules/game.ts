// What a game is to the lobby: pure functions over a state of its own. A game uses no sockets, no
// files, no clock but the one that is passed in, and no randomness but the one that is passed in.
// This file does not depend on any game.
import type { z } from 'zod'

/** How often the rules check the clock, and games can move on. */
export const TICKS_PER_SECOND = 30
/** What fits one datagram on every path (RFC 9000, section 14, assumes 1,200 bytes of payload). */
export const MAX_STATE_DATAGRAM_BYTES = 1_200

/** A player of a match: its place in `players`, from 0. It stays the same while the match runs. */
export type PlayerNumber = number

/** What a match begins with. */
export interface Beginning<Settings> {
  /** The names of the players, in the order of their numbers. */
  readonly players: readonly string[]
  /** The room's choice, where it made one, else the operator's. */
  readonly settings: Settings
  /**
   * From 0 up to 1, and never 1. Nobody can predict it, and the same seed gives the same numbers:
   * the seed is published when the match is over.
   */
  readonly random: () => number
  /** Milliseconds of a clock that never goes back; its zero means nothing. */
  readonly now: number
}

/** What everybody in the room gets to know at once: JSON, without secrets. */
export type GameEvent = object
/** A hook may return events; nothing means none. */
export type Events = readonly GameEvent[] | undefined | void

/** How a match went. Both lists are in the order of the players' numbers. */
export interface Outcome {
  /**
   * 1 is the first, and equal players share a place. 0 is for a player that left. Nobody needs to
   * be first.
   */
  places: readonly number[]
  scores: readonly number[]
}

/** One match as a bot plays it. */
export interface BotMind<Input, View> {
  /** What to do now, asked about ten times a second; undefined: nothing. */
  think(view: View): Input | undefined
}

/** For the terminal client. */
export interface TerminalWords<Input> {
  /** A line or more about the commands. */
  help: string
  /** What `/word rest` means, or undefined if it is no command of this game. */
  parse(word: string, rest: string): Input | undefined
  /** What a person reads of an event; undefined: nothing. */
  describe(event: GameEvent, players: readonly string[]): string | undefined
}

interface CommonParts<State, SettingsSchema extends z.ZodObject, InputSchema extends z.ZodType> {
  /** Small letters, digits and hyphens: it is in the protocol, in flags and in addresses. */
  name: string
  /** What people read. */
  title: string
  players: { least: number; most: number }
  /** Ticks a second: a divisor of {@link TICKS_PER_SECOND}. */
  hz: number
  /**
   * When a view is sent: after every tick, or only when it differs from the one before (and once a
   * second even so). Default: `changes`.
   */
  sends?: 'every-tick' | 'changes'
  /** A `z.strictObject` whose fields all have defaults. Operators set them, rooms choose them. */
  settings: SettingsSchema
  /** What a player may send; anything else is refused before it gets here. */
  input: InputSchema
  create(beginning: Beginning<z.output<SettingsSchema>>): State
  /** Inputs of a player come in order, each at most once; some may be missing. */
  onInput(state: State, player: PlayerNumber, input: z.output<InputSchema>, now: number): Events
  /** `tick` counts from 1. */
  onTick?(state: State, tick: number, now: number): Events
  /** A game that has this lets players into a running match; they get the next number. */
  onJoin?(state: State, player: PlayerNumber, name: string): Events
  /** For good: it does not come back to this match. */
  onLeave?(state: State, player: PlayerNumber): Events
  /** The connection is lost; the seat is kept for a while. */
  onAway?(state: State, player: PlayerNumber): Events
  onBack?(state: State, player: PlayerNumber): Events
  /** Asked after everything that happens; undefined while the match goes on. */
  isOver(state: State, now: number): Outcome | undefined
  /** When the clock ends the match, for the page to show. */
  endsAt?(state: State): number | undefined
  /** The scores so far, for operators. */
  scores?(state: State): readonly number[]
  terminal?: TerminalWords<z.input<InputSchema>>
  /**
   * The input as bytes and back, for datagrams. `decodeInput` gets whatever a stranger sends, and
   * may throw; what it returns is checked by `input`. Default: JSON.
   */
  encodeInput?(input: z.input<InputSchema>): Uint8Array
  decodeInput?(bytes: Uint8Array): unknown
}

/** Everybody sees the same: encoded once for the whole room. */
interface SharedView<State, View> {
  sharedView(state: State): View
  view?: undefined
  spectatorView?: undefined
}

/** Each player sees what it may know. */
interface OwnViews<State, View> {
  view(state: State, player: PlayerNumber): View
  /** What those who only watch may know. */
  spectatorView(state: State): View
  sharedView?: undefined
}

interface Codec<View> {
  /**
   * The view as bytes. With `base`, a view that the receiver has acknowledged, it may be the
   * difference alone. Default: JSON, and with a base the fields that changed.
   */
  encode?(view: View, base?: View): Uint8Array
  /** The same `base` again; undefined for what is not exactly an encoded view. */
  decode?(bytes: Uint8Array, base?: View): View | undefined
  /** Whether `encode` makes use of a base. The default codec does. */
  hasDifferences?: boolean
}

interface Bots<Input, View> {
  /** A new mind for one match. */
  bot?(player: PlayerNumber, random: () => number): BotMind<Input, View>
}

/** What {@link defineGame} takes. */
export type GameDefinition<
  State,
  SettingsSchema extends z.ZodObject,
  InputSchema extends z.ZodType,
  View
> = CommonParts<State, SettingsSchema, InputSchema> &
  (SharedView<State, View> | OwnViews<State, View>) &
  Codec<View> &
  Bots<z.input<InputSchema>, View>

/** A game as the lobby uses it: every optional part that has a default is there. */
export interface Game
  extends Omit<CommonParts<unknown, z.ZodObject, z.ZodType>, 'input'>,
    Bots<unknown, unknown> {
  readonly sends: 'every-tick' | 'changes'
  readonly input: z.ZodType
  /** Everybody gets the same view. */
  readonly isShared: boolean
  /** Whether a difference to an acknowledged view is worth making. */
  readonly hasDifferences: boolean
  /** What this player may know; undefined: a spectator. */
  viewOf(state: unknown, player: PlayerNumber | undefined): unknown
  encode(view: unknown, base?: unknown): Uint8Array
  decode(bytes: Uint8Array, base?: unknown): unknown
  encodeInput(input: unknown): Uint8Array
  /** What came as JSON; undefined for what is no input of this game. */
  checkInput(value: unknown): unknown
  /** What came as bytes, likewise. */
  readInput(bytes: Uint8Array): unknown
}

const namePattern = /^[a-z][a-z0-9-]{0,31}$/

/**
 * Makes a game of its parts, and checks them.
 * @throws TypeError when a part is not as described at {@link GameDefinition}.
 */
export function defineGame<
  State,
  SettingsSchema extends z.ZodObject,
  InputSchema extends z.ZodType,
  View
>(definition: GameDefinition<State, SettingsSchema, InputSchema, View>): Game {
  const { name, players, hz } = definition
  if (!namePattern.test(name))
    throw new TypeError(`the name of a game has small letters, digits and hyphens, not "${name}"`)
  if (!(players.least >= 1 && players.least <= players.most && players.most <= 255))
    throw new TypeError(`${name}: players need 1 <= least <= most <= 255`)
  if (!(hz >= 1 && TICKS_PER_SECOND % hz === 0))
    throw new TypeError(`${name}: hz must divide ${TICKS_PER_SECOND}, and ${hz} does not`)
  if (!definition.settings.safeParse({}).success)
    throw new TypeError(`${name}: every setting needs a default`)
  if ((definition.encode === undefined) !== (definition.decode === undefined))
    throw new TypeError(`${name}: encode and decode come together`)
  if ((definition.encodeInput === undefined) !== (definition.decodeInput === undefined))
    throw new TypeError(`${name}: encodeInput and decodeInput come together`)
  // Methods take their parameters in both directions, so the state of this game is `unknown` here.
  const game = definition as unknown as GameDefinition<unknown, z.ZodObject, z.ZodType, unknown>
  const decodeInput = game.decodeInput?.bind(game) ?? parseJson
  const checkInput = (value: unknown) => {
    const { success, data } = game.input.safeParse(value)
    return success ? data : undefined
  }
  return {
    ...game,
    sends: game.sends ?? 'changes',
    isShared: game.sharedView !== undefined,
    hasDifferences: game.hasDifferences ?? game.encode === undefined,
    viewOf(state, player) {
      if (game.sharedView !== undefined) return game.sharedView(state)
      return player === undefined ? game.spectatorView(state) : game.view(state, player)
    },
    encode: game.encode?.bind(game) ?? encodeJson,
    decode: game.decode?.bind(game) ?? decodeJson,
    encodeInput: game.encodeInput?.bind(game) ?? encodeText,
    checkInput,
    readInput(bytes) {
      try {
        return checkInput(decodeInput(bytes))
      } catch {
        return undefined // not even that
      }
    }
  }
}

/** The games of a server, by their names. The first is what a room plays that chooses none. */
export type Games = ReadonlyMap<string, Game>

/** @throws TypeError when there is none, or two have the same name. */
export function gamesOf(...list: Game[]): Games {
  const games = new Map(list.map((game) => [game.name, game]))
  if (games.size === 0) throw new TypeError('a lobby needs a game')
  if (games.size < list.length) throw new TypeError('two games have the same name')
  return games
}

// ---- The default codec ----

const utf8 = new TextDecoder('utf-8', { fatal: true })
const toUtf8 = new TextEncoder()

function encodeText(value: unknown): Uint8Array {
  return toUtf8.encode(JSON.stringify(value))
}

function parseJson(bytes: Uint8Array): unknown {
  return JSON.parse(utf8.decode(bytes))
}

/** The fields that changed, and the names of those that are gone. */
interface Difference {
  set: Record<string, unknown>
  gone: string[]
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function encodeJson(view: unknown, base?: unknown): Uint8Array {
  if (!isRecord(view) || !isRecord(base)) return encodeText(view)
  const difference: Difference = { set: {}, gone: [] }
  for (const [field, value] of Object.entries(view)) {
    const isKept = Object.hasOwn(base, field) && isDeepStrictEqualJson(base[field], value)
    if (!isKept && value !== undefined) difference.set[field] = value
  }
  for (const field of Object.keys(base)) {
    if (view[field] === undefined && base[field] !== undefined) difference.gone.push(field)
  }
  return encodeText(difference)
}

function decodeJson(bytes: Uint8Array, base?: unknown): unknown {
  let value: unknown
  try {
    value = parseJson(bytes)
  } catch {
    return undefined
  }
  if (!isRecord(base)) return value
  if (!isRecord(value) || !isRecord(value.set) || !Array.isArray(value.gone)) return undefined
  const view = { ...base, ...value.set }
  for (const field of value.gone as string[]) delete view[field]
  return view
}

/** Equal once they are JSON. */
function isDeepStrictEqualJson(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other)
}
