// What all bots share: a bot signs in, comes back with its token when its connection is lost, and
// separates errors from what it provoked itself. Pure, like the server's rules: no sockets; time
// and randomness are passed in. The behaviours are in bot-*.ts.

import type { RefusalCode, Request, ServerMessage } from '../wire/protocol.ts'
import type { Speech } from './line.ts'
import { pace } from './pace.ts'

/**
 * Where a bot writes down what did not go smoothly, by its kind: a refusal's code, a socket's
 * error, or a word of its own.
 */
export interface Ledger {
  /** It should not have happened. */
  error(kind: string): void
  /** The bot provoked it, or somebody else was quicker: no error. */
  expected(kind: string): void
}

export interface BotOptions {
  readonly name: string
  /** From 0 up to 1. */
  readonly random: () => number
  readonly ledger: Ledger
  /** How many bots there are: with more of them, each says less to the whole lobby. */
  readonly crowd: number
}

/** What a bot does at one moment. */
export interface Deed {
  readonly send?: readonly Request[]
  /** What is sent as it is, by those that speak bytes. */
  readonly bytes?: Uint8Array
  /** After that: reset the connection, end it, or stop reading. */
  readonly afterwards?: 'reset' | 'end' | 'pause'
  /** When it wants to be asked again, instead of at its usual pace. */
  readonly pauseMs?: number
}

/** What it does in a match. */
export interface Move {
  readonly match: number
  readonly input: unknown
}

/** The prefix of all bots' names, by which they recognize people. */
export const BOT_NAME = 'bot '

/** Somebody else was quicker, or the server is about to end. */
const races = new Set<RefusalCode>([
  'name-reserved',
  'room-taken',
  'room-full',
  'no-such-room',
  'match-running',
  'no-match',
  'queue-full',
  'too-many-rooms',
  'draining'
])
/** The refusals after which the server ends the connection, and gives up the seat. */
const cuts = new Set<RefusalCode>([
  'flood',
  'frame-too-large',
  'sign-in-timeout',
  'idle',
  'server-full',
  'too-many-connections',
  'replaced',
  'removed',
  'banned'
])

export abstract class Bot {
  /** Whether it asks for datagrams, and sends inputs by them ten times a second. */
  readonly wantsDatagrams: boolean = false
  /** Whether it behaves well: then it pings, and the round trip is measured. */
  readonly isHonest: boolean = true
  /** How it must speak; undefined: by TCP or as a browser, whichever the fleet likes. */
  readonly speaks: Speech | undefined
  /** Whether it ends the connection when the server does. */
  readonly endsWithPeer: boolean = true
  /** Bytes of its receive buffer in the system; undefined: the system's own choice. */
  readonly batchBufferBytes: number | undefined
  protected readonly ledger: Ledger
  protected readonly crowd: number
  #wantedName: string
  readonly #random: () => number
  #name = ''
  #token: string | undefined
  #isAsking = false
  #hasSignedOut = false
  /**
   * The server has said why it ends the connection, or the bot ends it itself: the end is
   * expected.
   */
  #isEndKnown = false

  constructor({ name, random, ledger, crowd }: BotOptions) {
    this.#wantedName = name
    this.#random = random
    this.ledger = ledger
    this.crowd = crowd
  }

  /** As the server knows it; '' while it is not signed in. */
  get name(): string {
    return this.#name
  }

  get isSignedIn(): boolean {
    return this.#name !== ''
  }

  /** A connection is there. What it does first. */
  connected(): Deed | undefined {
    this.#isAsking = false
    this.#isEndKnown = false
    this.onConnected()
    return this.act()
  }

  /** Returns in how many milliseconds it wants to be asked, if that is sooner than it would be. */
  hear(message: ServerMessage): number | undefined {
    switch (message.type) {
      case 'welcome':
        this.#isAsking = false
        this.#name = message.name
        this.#token = message.token
        break
      case 'signed-out':
        this.#name = ''
        this.#token = undefined
        this.#hasSignedOut = true
        break
      case 'bye':
        this.#isEndKnown = true
        break
      case 'error':
        this.#judge(message.code)
        break
    }
    return this.onMessage(message)
  }

  /** Its time has come. */
  act(): Deed | undefined {
    if (this.#isEndKnown || this.#isAsking) return undefined
    const deed = this.isSignedIn ? this.live() : this.comeIn()
    if (deed?.afterwards === 'reset' || deed?.afterwards === 'end') this.#isEndKnown = true
    return deed
  }

  /** Whether it is in a match. */
  get isPlaying(): boolean {
    return false
  }

  /**
   * What it does in its match, asked about ten times a second; undefined when that is nothing, or
   * it plays no match.
   */
  play(): Move | undefined {
    return undefined
  }

  /** The bot closes the connection, for a reason that is counted already. */
  giveUp(): void {
    this.#isEndKnown = true
  }

  /**
   * The connection is closed; `code` is the SocketError's if it did not go in order. Returns after
   * how many milliseconds it comes back.
   */
  gone(code: string | undefined): number {
    if (!this.#isEndKnown) {
      const kind = code ?? 'closed without a word'
      if (this.expects(kind)) this.ledger.expected(kind)
      else this.ledger.error(kind)
    }
    this.#name = ''
    const pauseMs = this.onGone()
    this.#hasSignedOut = false
    return pauseMs
  }

  // ---- What the behaviours fill in ----

  /** It is signed in, and its time has come. */
  protected abstract live(): Deed | undefined

  /** Not signed in: the first thing to say. */
  protected comeIn(): Deed | undefined {
    if (this.#hasSignedOut) return undefined
    this.#isAsking = true
    return {
      send: [
        this.#token === undefined
          ? { type: 'name', name: this.#wantedName }
          : { type: 'resume', token: this.#token }
      ]
    }
  }

  protected onConnected(): void {}

  protected onMessage(_message: ServerMessage): number | undefined {
    return undefined
  }

  protected onGone(): number {
    return pace.reconnectMs
  }

  /** Whether it has provoked this refusal, or this end of its connection. */
  protected expects(_kind: string): boolean {
    return false
  }

  // ---- For the behaviours ----

  protected chance(probability: number): boolean {
    return this.#random() < probability
  }

  protected between(least: number, most: number): number {
    return least + this.#random() * (most - least)
  }

  protected oneOf<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random() * choices.length)]
  }

  /** A time in which somebody answers. */
  protected get replyMs(): number {
    return this.between(pace.minReplyMs, pace.maxReplyMs)
  }

  #judge(code: RefusalCode): void {
    if (cuts.has(code)) {
      this.#isEndKnown = true
      // After a dismissal there is no seat to come back to, unless its token came too late.
      if (code !== 'sign-in-timeout') this.#token = undefined
    }
    // It had results once, with an account that no bot keeps.
    if (code === 'name-reserved') this.#wantedName += ` ${Math.floor(this.#random() * 1e6)}`
    if (this.expects(code) || races.has(code)) this.ledger.expected(code)
    else this.ledger.error(code)
    if (!this.#isAsking) return
    // The seat was given up meanwhile, or the name is taken: sign in with a new name.
    this.#isAsking = false
    if (code !== 'sign-in-timeout') this.#token = undefined
  }
}
