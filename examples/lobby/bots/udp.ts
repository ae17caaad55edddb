// A bot's part in datagrams: the handshake that opens the path, and how long it takes from an input
// to the state that shows it. Pure; no sockets.

import type { FromPlayer, ToPlayer } from '../wire/datagram.ts'
import type { MatchState } from '../wire/protocol.ts'
import { pace } from './pace.ts'

/** Hello, the answer to the challenge, and a hello now and then to keep the path open. */
export class DatagramWay {
  readonly token: string
  #isOpen = false
  #hellos = 0
  #helloAtMs = 0

  constructor(token: string) {
    this.token = token
  }

  /** The server has verified this address, and sends to it. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** No datagram was answered: the match is played without. */
  get hasFailed(): boolean {
    return !this.#isOpen && this.#hellos > pace.maxHellos
  }

  /** What to send now; called about ten times a second. */
  next(nowMs: number): FromPlayer | undefined {
    if (nowMs < this.#helloAtMs || this.hasFailed) return undefined
    if (!this.#isOpen && ++this.#hellos > pace.maxHellos) return undefined
    this.#helloAtMs = nowMs + (this.#isOpen ? pace.helloAgainMs : pace.helloEveryMs)
    return { kind: 'hello', token: this.token }
  }

  /** Returns the answer, if there is one. */
  hear(message: ToPlayer, nowMs: number): FromPlayer | undefined {
    switch (message.kind) {
      case 'challenge':
        return { kind: 'proof', token: this.token, nonce: message.nonce }
      case 'open':
        this.#isOpen = true
        this.#helloAtMs = nowMs + pace.helloAgainMs
        return undefined
      default:
        return undefined
    }
  }
}

/** Numbers inputs, and finds out how long it takes from one to the first state that has it. */
export class InputClock {
  /** Of the last state that came by datagram, 0 before the first of a match. */
  heardTick = 0
  match = 0
  #player = 0
  #lastTick = 0
  #seq = 0
  /** Of the input that waits for its state; 0 when none does. */
  #waitingSeq = 0
  #waitingSinceMs = 0

  begin(match: number, player: number): void {
    this.match = match
    this.#player = player
    this.#lastTick = 0
    this.heardTick = 0
    this.#waitingSeq = 0
  }

  /** An input is sent now: its number. */
  send(nowMs: number): number {
    this.#seq++
    if (this.#waitingSeq === 0) {
      this.#waitingSeq = this.#seq
      this.#waitingSinceMs = nowMs
    }
    return this.#seq
  }

  /** Whether a state is news: an old one may come late, and one of another match too. */
  isNews({ match, tick }: Pick<MatchState, 'match' | 'tick'>): boolean {
    if (match !== this.match || tick <= this.#lastTick) return false
    this.#lastTick = tick
    return true
  }

  /** A state came by a datagram, whether it is news or came by TCP as well. */
  hearDatagram({ match, tick }: Pick<MatchState, 'match' | 'tick'>): void {
    if (match === this.match && tick > this.heardTick) this.heardTick = tick
  }

  /** News. Returns how many milliseconds an input has waited for it, if one did. */
  hear({ seqs }: Pick<MatchState, 'seqs'>, nowMs: number): number | undefined {
    if (this.#waitingSeq === 0) return undefined
    const seq = seqs[this.#player]
    if (seq === undefined || seq < this.#waitingSeq) return undefined
    this.#waitingSeq = 0
    return nowMs - this.#waitingSinceMs
  }
}
