// For tests of the rules: a lobby without sockets or clock. What each player hears is an array, what the clock says is a number.
import { defaultLimits, type Limits } from '../config.ts'
import { Lobby } from '../lobby.ts'
import type { RefusalCode, ServerMessage } from '../protocol.ts'
import { Session } from '../session.ts'

export class Table {
  nowMs = 1_000
  readonly lobby: Lobby
  readonly limits: Limits
  readonly dismissed = new Map<Session, RefusalCode>()
  readonly #heard = new Map<Session, ServerMessage[]>()

  constructor(limits: Partial<Limits> = {}) {
    this.limits = { ...defaultLimits, burstMessages: 1_000, countdownMs: 0, ...limits }
    this.lobby = new Lobby(
      this.limits,
      {
        deliver: (to, message) => {
          for (const session of to) this.#heard.get(session)?.push(message)
        },
        dismiss: (session, reason) => {
          this.dismissed.set(session, reason.code)
          this.lobby.leave(session, this.nowMs)
        }
      },
      () => 42
    )
  }

  arrive(): Session {
    const session = new Session(this.limits, this.nowMs)
    this.#heard.set(session, [])
    this.lobby.enter(session)
    return session
  }

  /** Somebody with a name, who has read the greetings. */
  player(name: string): Session {
    const session = this.arrive()
    this.do(session, { type: 'name', name })
    this.heard(session)
    return session
  }

  /** Several in one room, who have read everything so far. */
  roomOf(...names: string[]): Session[] {
    const players = names.map((name) => this.player(name))
    players.forEach((player, at) => {
      this.do(player, { type: at === 0 ? 'create' : 'join', room: 'Den' })
    })
    for (const player of players) this.heard(player)
    return players
  }

  do(session: Session, command: object | string): void {
    const text = typeof command === 'string' ? command : JSON.stringify(command)
    this.lobby.receive(session, Buffer.from(text), this.nowMs)
  }

  /** What this player heard since the last time. */
  heard(session: Session): ServerMessage[] {
    return this.#heard.get(session)?.splice(0) ?? []
  }

  /** The code of the one refusal that this command gets. */
  refusal(session: Session, command: object | string): string {
    this.heard(session)
    this.do(session, command)
    const answers = this.heard(session)
    if (answers.length !== 1 || answers[0].type !== 'error') return JSON.stringify(answers)
    return answers[0].code
  }

  passMs(ms: number): void {
    this.nowMs += ms
    this.lobby.tick(this.nowMs)
  }
}
