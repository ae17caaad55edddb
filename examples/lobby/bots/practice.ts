// Bots that play with a person who asked for practice: players like others, on a gateway of their
// own inside the server, without sockets. They come into one room, get ready for each match, and go
// when no person plays there any more.
import { type GatewayFigures, NO_GATEWAY_FIGURES } from '../gateway/figures.ts'
import type { GatewayLink, HubLink } from '../gateway/links.ts'
import type { Alarm, Place } from '../place.ts'
import type { BotMind, Game, Games } from '../rules/game.ts'
import { decodeState } from '../wire/datagram.ts'
import {
  encode,
  LENGTH_BYTES,
  type MemberInfo,
  parseMessage,
  type Request,
  type ServerMessage
} from '../wire/protocol.ts'

/** Of states that come thirty times a second; a person does something about ten times. */
const STATES_PER_THOUGHT = 3
/** A name is taken: others are tried, so many. */
const MAX_NAMES = 20
/** Time for people to look at the result: then the bots are ready for the next match. */
const PAUSE_MS = 1_000

/** The bots of one room. */
interface Squad {
  readonly code: string
  readonly bots: Set<PracticeBot>
}

interface PracticeBot {
  readonly id: number
  readonly squad: Squad
  name: string
  /** How many names it has tried. */
  names: number
  /** Who plays in its room, itself included. */
  members: Set<string>
  isInside: boolean
  match: { number: number; game: Game; mind: BotMind<unknown, unknown> } | undefined
  seq: number
  states: number
  /** Ends in being ready. */
  readonly pause: Alarm
}

export class PracticeBots implements GatewayLink {
  readonly #games: Games
  readonly #hub: HubLink
  readonly #place: Place
  readonly #maxBots: number
  readonly #onMistake: (game: Game, error: unknown) => void
  readonly #bots = new Map<number, PracticeBot>()
  /** What is to be done once the hub has finished what it does: it must not be called back. */
  readonly #todo: (() => void)[] = []
  #nextId = 1

  /** `connect` makes it a gateway of the hub. */
  constructor(
    games: Games,
    connect: (link: GatewayLink) => HubLink,
    maxBots: number,
    place: Place,
    onMistake: (game: Game, error: unknown) => void
  ) {
    this.#onMistake = onMistake
    this.#place = place
    this.#games = games
    this.#hub = connect(this)
    this.#maxBots = maxBots
  }

  /** Sends bots into the room with this code. Returns whether there are so many. */
  send(code: string, count: number): boolean {
    if (this.#bots.size + count > this.#maxBots) return false
    const squad: Squad = { code, bots: new Set() }
    for (let number = 0; number < count; number++) {
      const bot: PracticeBot = {
        id: this.#nextId++,
        squad,
        name: '',
        names: 0,
        members: new Set(),
        isInside: false,
        match: undefined,
        seq: 0,
        states: 0,
        pause: this.#place.alarm(() => this.#say(bot, { type: 'ready', ready: true }))
      }
      squad.bots.add(bot)
      this.#bots.set(bot.id, bot)
      // No address: each counts for itself where addresses are counted.
      this.#later(() => this.#hub.enter(bot.id, `practice bot ${bot.id}`))
    }
    return true
  }

  /** How many there are. */
  get count(): number {
    return this.#bots.size
  }

  // ---- What the hub asks ----

  deliver(clients: readonly number[], frame: Uint8Array): void {
    const message = parseMessage(frame.subarray(LENGTH_BYTES))
    for (const id of clients) {
      const bot = this.#bots.get(id)
      if (bot !== undefined) this.#later(() => this.#hear(bot, message))
    }
  }

  deliverState(clients: readonly number[], name: string, bytes: Uint8Array): void {
    const game = this.#games.get(name)
    const playing = clients.map((id) => this.#bots.get(id))
    const thinking = playing.filter((bot) => bot?.match !== undefined && this.#isToThink(bot))
    if (thinking.length === 0 || game === undefined) return
    const state = decodeState(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
    const view = state && game.decode(state.body)
    if (state === undefined || view === undefined) return
    for (const bot of thinking as PracticeBot[]) {
      const { match } = bot
      if (match === undefined || state.match !== match.number) continue
      const inputBytes = this.#thoughtOf(bot, match.mind, game, view)
      if (inputBytes === undefined) continue
      this.#later(() => this.#hub.input(bot.id, state.match, ++bot.seq, inputBytes))
    }
  }

  dismiss(client: number): void {
    const bot = this.#bots.get(client)
    if (bot !== undefined) this.#forget(bot)
  }

  stop(): void {
    for (const { pause } of this.#bots.values()) pause.cancel()
    this.#bots.clear()
    this.#todo.length = 0
  }

  /** They are no connections: only the gateways of players count. */
  readonly figures: GatewayFigures = NO_GATEWAY_FIGURES

  // ---- A bot ----

  #hear(bot: PracticeBot, message: ServerMessage): void {
    switch (message.type) {
      case 'hello':
        this.#chooseName(bot)
        break
      case 'welcome':
        bot.name = message.name
        this.#say(bot, { type: 'join', room: bot.squad.code })
        break
      case 'joined':
        bot.isInside = true
        bot.members = new Set(message.members.filter(isPlaying).map(({ name }) => name))
        this.#readyWhenAllAreHere(bot.squad)
        break
      case 'member-joined':
        if (!message.spectator) bot.members.add(message.name)
        break
      case 'member-left':
        bot.members.delete(message.name)
        this.#goIfAlone(bot)
        break
      case 'match-started': {
        const player = message.players.indexOf(bot.name)
        const game = this.#games.get(message.game)
        const mind = player === -1 ? undefined : game?.bot?.(player, () => this.#place.fraction())
        if (bot.match?.number === message.match) break // somebody else joined it
        bot.seq = 0
        bot.match =
          game === undefined || mind === undefined
            ? undefined
            : { number: message.match, game, mind }
        break
      }
      case 'match-ended':
        bot.match = undefined
        bot.pause.set(PAUSE_MS)
        break
      case 'error':
        if (message.code === 'name-taken' && bot.names < MAX_NAMES) this.#chooseName(bot)
        else if (!bot.isInside) this.#leave(bot)
        break
      case 'left':
      case 'kicked':
        this.#leave(bot)
        break
    }
  }

  #chooseName(bot: PracticeBot): void {
    bot.names++
    this.#say(bot, { type: 'name', name: `Bot ${1 + Math.floor(this.#place.fraction() * 9_999)}` })
  }

  /** All at once: otherwise the match would begin with the first of them. */
  #readyWhenAllAreHere({ bots }: Squad): void {
    if (![...bots].every(({ isInside }) => isInside)) return
    for (const bot of bots) this.#say(bot, { type: 'ready', ready: true })
  }

  #goIfAlone(bot: PracticeBot): void {
    const names = new Set([...bot.squad.bots].map(({ name }) => name))
    if ([...bot.members].some((name) => !names.has(name))) return
    for (const each of [...bot.squad.bots]) this.#leave(each)
  }

  /** For good: no seat is kept. */
  #leave(bot: PracticeBot): void {
    if (!this.#bots.has(bot.id)) return
    this.#say(bot, { type: 'sign-out' })
    this.#later(() => this.#hub.lose(bot.id))
    this.#forget(bot)
  }

  #forget(bot: PracticeBot): void {
    bot.pause.cancel()
    this.#bots.delete(bot.id)
    bot.squad.bots.delete(bot)
    if (bot.squad.bots.size > 0) this.#readyWhenAllAreHere(bot.squad)
  }

  /** A bot whose game has made a mistake goes; the others play on. */
  #thoughtOf(bot: PracticeBot, mind: BotMind<unknown, unknown>, game: Game, view: unknown) {
    try {
      const input = mind.think(view)
      return input === undefined ? undefined : game.encodeInput(input)
    } catch (error) {
      this.#onMistake(game, error)
      this.#leave(bot)
      return undefined
    }
  }

  #isToThink(bot: PracticeBot): boolean {
    return bot.match?.game.sends === 'changes' || bot.states++ % STATES_PER_THOUGHT === 0
  }

  #say(bot: PracticeBot, request: Request): void {
    const frame = encode(request).subarray(LENGTH_BYTES)
    this.#later(() => this.#hub.receive(bot.id, frame))
  }

  #later(act: () => void): void {
    this.#todo.push(act)
    if (this.#todo.length > 1) return
    setImmediate(() => {
      for (const each of this.#todo.splice(0)) each()
    })
  }
}

function isPlaying({ spectator }: MemberInfo): boolean {
  return !spectator
}
