// The bots that meet others in rooms: players, who play one match after the other, and chatters,
// who talk and join in when a person wants to play. Both leave seats free for people, and wait
// until the people in their room are ready.

import { games } from '../games/index.ts'
import type { BotMind } from '../rules/game.ts'
import type { MemberInfo, RefusalCode, Request, RoomInfo, ServerMessage } from '../wire/protocol.ts'
import { BOT_NAME, Bot, type Deed, type Move } from './bot.ts'

/** Of every room, if it has more than two: for people who come later. */
const SEATS_KEPT_FREE = 2
/** In the names of rooms that are for talking: those who want to play go elsewhere. */
const TALK = 'talk'
/** From one lobby chat line of any bot to the next, on average, however many they are. */
const LOBBY_CHAT_EVERY_MS = 3_000
/** A bot alone in the lobby says something in one of so many of its turns. */
const MOST_LOBBY_CHAT = 0.05
const USUAL_PAUSE_MS = 1_400
const PAGE = 20

const smallTalk = [
  'hello',
  'who is in?',
  'one more?',
  'wait for me',
  'ready when you are',
  'nice room',
  'any tips for the corners?',
  'two in one go, just now',
  'so close the last time'
]
const afterMatch = [
  'well played',
  'again!',
  'good game',
  'one more',
  'that was close',
  'next time…'
]
const greetings = ['hello', 'hi', 'welcome', 'good to see you']

const moves = new Set<Request['type']>(['create', 'join', 'queue', 'leave'])
const answersToMoves = new Set<ServerMessage['type']>(['joined', 'queued', 'left', 'kicked'])
/** Refusals of what it may have sent just before: a line of chat, an input, that it is ready. */
const ofOthers = new Set<RefusalCode>(['too-fast', 'no-match', 'match-running', 'bad-input'])

type Match = Extract<ServerMessage, { type: 'match-started' }>
type MatchState = Extract<ServerMessage, { type: 'state' }>

/** Follows what happens in its room, and in its match. */
abstract class SocialBot extends Bot {
  protected rooms: readonly RoomInfo[] | undefined
  protected roomTotal = 0
  protected room:
    | { readonly name: string; readonly capacity: number; readonly isPrivate: boolean }
    | undefined
  /** Those in the room, this bot too. */
  protected readonly members = new Map<string, MemberInfo>()
  protected isQueued = false
  protected match: Match | undefined
  /** It has asked to enter or leave a room, and has no answer yet. */
  #move: Request['type'] | undefined
  #mind: BotMind<unknown, unknown> | undefined
  #state: MatchState | undefined
  /** The name that it wants to greet. */
  #newcomer: string | undefined
  #hasPlayed = false

  protected override onConnected(): void {
    // Only the server knows whether the seat is still there: after a resume it sends 'joined'.
    this.#leaveRoom()
    this.isQueued = false
    this.#move = undefined
    this.rooms = undefined
  }

  protected override onMessage(message: ServerMessage): number | undefined {
    if (answersToMoves.has(message.type) || this.#isRefusal(message)) this.#move = undefined
    switch (message.type) {
      case 'welcome':
        return this.replyMs
      case 'rooms':
        this.rooms = message.rooms
        this.roomTotal = message.total
        return this.replyMs // before others take what is free
      case 'queued':
        this.isQueued = true
        break
      case 'unqueued':
        this.isQueued = false
        break
      case 'joined':
        this.#leaveRoom()
        this.isQueued = false
        this.room = {
          name: message.room,
          capacity: message.capacity,
          isPrivate: message.code !== undefined
        }
        for (const member of message.members) this.members.set(member.name, member)
        return this.replyMs
      case 'left':
      case 'kicked':
        this.#leaveRoom()
        break
      case 'member-joined':
        this.members.set(message.name, {
          name: message.name,
          ready: false,
          away: false,
          spectator: message.spectator
        })
        if (isPerson(message.name)) this.#newcomer = message.name
        break
      case 'member-left':
        this.members.delete(message.name)
        break
      case 'member-away':
        this.#change(message.name, { away: true, ready: false })
        break
      case 'member-back':
        this.#change(message.name, { away: false })
        break
      case 'ready':
        this.#change(message.name, { ready: message.ready })
        if (message.ready && isPerson(message.name)) return this.replyMs
        break
      case 'match-started':
        this.match = message
        this.#state = undefined
        this.#mind = this.#mindFor(message)
        break
      case 'state':
        this.#state = message
        break
      case 'match-ended':
        this.match = undefined
        this.#hasPlayed = true
        for (const name of this.members.keys()) this.#change(name, { ready: false })
        return this.replyMs
      // The rest is about others; it ignores that.
    }
    return undefined
  }

  override get isPlaying(): boolean {
    return this.match !== undefined
  }

  override play(): Move | undefined {
    const { match } = this
    // A match can start while its 'leave' is on the way: there it plays no more.
    if (match === undefined || this.#move === 'leave') return undefined
    if (this.#state?.match !== match.match) return undefined
    const input = this.#mind?.think(this.#state.view)
    return input === undefined ? undefined : { match: match.match, input }
  }

  /** Of its move: to a 'leave' in particular comes the answer to what it sent before, first. */
  #isRefusal(message: ServerMessage): boolean {
    if (message.type !== 'error') return false
    return this.#move !== 'leave' || !ofOthers.has(message.code)
  }

  /** A game without bots, and a match that it only watches, need none. */
  #mindFor({ game, players }: Match): BotMind<unknown, unknown> | undefined {
    const player = players.indexOf(this.name)
    return player === -1 ? undefined : games.get(game)?.bot?.(player, () => this.between(0, 1))
  }

  protected override live(): Deed | undefined {
    if (this.#move !== undefined) return undefined
    const request =
      this.room === undefined
        ? this.inLobby()
        : this.match === undefined
          ? this.inRoom()
          : this.inMatch()
    if (request === undefined) return undefined
    if (moves.has(request.type)) this.#move = request.type
    return { send: [request] }
  }

  protected abstract inLobby(): Request | undefined
  protected abstract inRoom(): Request | undefined
  protected abstract inMatch(): Request | undefined

  /** People who sit in its room to play. */
  protected get people(): MemberInfo[] {
    return [...this.members.values()].filter(({ name, spectator }) => !spectator && isPerson(name))
  }

  /** Others who sit in its room to play. */
  protected get company(): number {
    return [...this.members.values()].filter(({ spectator }) => !spectator).length - 1
  }

  /**
   * Too many bots came at once, and took the seats that should stay free for people; in a private
   * room that is intended.
   */
  protected get isCrowded(): boolean {
    return (
      this.room !== undefined &&
      !this.room.isPrivate &&
      this.company + 1 > seatsForBots(this.room.capacity)
    )
  }

  /** undefined unless it wants to play and is not ready yet. */
  protected beReady(): Request | undefined {
    return this.members.get(this.name)?.ready === false ? { type: 'ready', ready: true } : undefined
  }

  protected say(text: string): Request {
    return { type: 'say', text }
  }

  protected talk(): Request {
    return this.say(this.oneOf(smallTalk))
  }

  /** What the occasion asks for, once. */
  protected beFriendly(): Request | undefined {
    const newcomer = this.#newcomer
    const hasPlayed = this.#hasPlayed
    this.#newcomer = undefined
    this.#hasPlayed = false
    // One or two of the room say something: it is not for all of them.
    if (!this.chance(1.5 / (this.company + 1))) return undefined
    if (newcomer !== undefined) return this.say(`${this.oneOf(greetings)}, ${newcomer}`)
    return hasPlayed ? this.say(this.oneOf(afterMatch)) : undefined
  }

  /** Hundreds may hear it, so that all bots together say little there. */
  protected get isHeardByLobby(): boolean {
    return this.chance(Math.min(MOST_LOBBY_CHAT, USUAL_PAUSE_MS / LOBBY_CHAT_EVERY_MS / this.crowd))
  }

  /**
   * One page of the list, from anywhere: so that the bots do not all crowd into the oldest rooms.
   */
  protected lookAround(filter?: string): Request {
    const from = Math.floor(this.between(0, Math.max(this.roomTotal - PAGE / 2, 0)))
    return { type: 'rooms', from, open: true, ...(filter === undefined ? {} : { filter }) }
  }

  /** The rooms of the last list, once; undefined without a new list. */
  protected takeRooms(): RoomInfo[] | undefined {
    const { rooms } = this
    this.rooms = undefined
    return rooms?.filter(
      ({ players, capacity, isPlaying, hasPassword }) =>
        !isPlaying && !hasPassword && players < seatsForBots(capacity)
    )
  }

  #leaveRoom(): void {
    this.room = undefined
    this.match = undefined
    this.members.clear()
    this.#newcomer = undefined
    this.#hasPlayed = false
  }

  #change(name: string, what: Partial<MemberInfo>): void {
    const member = this.members.get(name)
    if (member !== undefined) this.members.set(name, { ...member, ...what })
  }
}

/** Queues, or finds or makes a room; gets ready; plays, by datagrams where they get through. */
export class Player extends SocialBot {
  override readonly wantsDatagrams = true

  protected inLobby(): Request | undefined {
    if (this.isQueued) return undefined // the next thing is a room
    if (this.isHeardByLobby) return this.talk()
    if (this.chance(0.3)) return { type: 'queue' }
    const rooms = this.takeRooms()
    if (rooms === undefined) return this.lookAround()
    // A room that a person has made comes first.
    const ofPeople = rooms.filter(({ name }) => !name.startsWith(BOT_NAME))
    if (ofPeople.length > 0) return { type: 'join', room: this.oneOf(ofPeople).name }
    const toPlay = rooms.filter(({ name }) => !name.endsWith(TALK))
    if (toPlay.length > 0 && !this.chance(0.03))
      return { type: 'join', room: this.oneOf(toPlay).name }
    // Not every bot that finds no room: each would sit in a room alone.
    return this.chance(0.3) ? { type: 'create', room: `${this.name}'s den` } : undefined
  }

  protected inRoom(): Request | undefined {
    const { people } = this
    if (this.isCrowded && this.chance(0.5)) return { type: 'leave' }
    const friendly = this.beFriendly()
    if (friendly !== undefined) return friendly
    if (people.length > 0)
      return people.some(({ ready }) => ready) ? this.beReady() : this.sometimes()
    if (this.company === 0) return this.chance(0.3) ? { type: 'leave' } : undefined
    return this.chance(0.02) ? { type: 'leave' } : (this.beReady() ?? this.sometimes())
  }

  protected inMatch(): Request | undefined {
    return this.chance(0.01) ? this.talk() : undefined // both hands are busy
  }

  private sometimes(): Request | undefined {
    return this.chance(0.05) ? this.talk() : undefined
  }
}

/** Talks in a room that is for talking, and now and then to the lobby. */
export class Chatter extends SocialBot {
  protected inLobby(): Request | undefined {
    if (this.isHeardByLobby) return this.talk()
    const rooms = this.takeRooms()
    if (rooms === undefined) return this.lookAround(TALK)
    if (rooms.length === 0 || this.chance(0.05))
      return { type: 'create', room: `${this.name}'s ${TALK}` }
    return { type: 'join', room: this.oneOf(rooms).name }
  }

  protected inRoom(): Request | undefined {
    if (this.isCrowded && this.chance(0.5)) return { type: 'leave' }
    const friendly = this.beFriendly()
    if (friendly !== undefined) return friendly
    if (this.people.some(({ ready }) => ready)) return this.beReady()
    if (this.chance(this.company === 0 ? 0.2 : 0.03)) return { type: 'leave' }
    return this.chance(0.35) ? this.talk() : undefined
  }

  protected inMatch(): Request | undefined {
    return this.chance(0.1) ? this.talk() : undefined
  }
}

function isPerson(name: string): boolean {
  return !name.startsWith(BOT_NAME)
}

/** How many seats of a room bots may take. */
function seatsForBots(capacity: number): number {
  return Math.max(capacity - SEATS_KEPT_FREE, 2)
}
