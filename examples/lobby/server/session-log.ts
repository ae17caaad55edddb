// The life of a connection in the log: at debug level each step of it, at info level why the server
// ended it. Reads what goes by; changes nothing.
import type { Logger } from 'pino'
import type { NodeRef } from '../rules/passport.ts'
import type { Session } from '../rules/session.ts'
import type { RefusalCode, ServerMessage } from '../wire/protocol.ts'

/** What says something about a session, and what of it is worth a line. Chat and tokens are not. */
const steps: { [T in ServerMessage['type']]?: (message: never) => object } = {
  welcome: ({ name }: Step<'welcome'>) => ({ player: name }),
  'signed-out': () => ({}),
  queued: ({ skill }: Step<'queued'>) => ({ skill }),
  unqueued: () => ({}),
  held: ({ room }: Step<'held'>) => ({ room }),
  joined: ({ room }: Step<'joined'>) => ({ room }),
  left: ({ room }: Step<'left'>) => ({ room }),
  kicked: ({ room }: Step<'kicked'>) => ({ room }),
  'match-started': ({ match }: Step<'match-started'>) => ({ match }),
  'match-ended': ({ match, saved }: Step<'match-ended'>) => ({ match, saved }),
  error: ({ code }: Step<'error'>) => ({ code })
}
type Step<T extends ServerMessage['type']> = Extract<ServerMessage, { type: T }>

export class SessionLog {
  readonly #log: Logger
  /** Counts up: the `session` of every line. */
  #sessions = 0
  readonly #numbers = new WeakMap<Session, number>()

  constructor(log: Logger) {
    this.#log = log
  }

  entered(session: Session): void {
    this.#numbers.set(session, ++this.#sessions)
    this.#log.debug({ session: this.#sessions, address: session.address }, 'connected')
  }

  /** Asked once a message: a chat line to thousands must not cost a loop. */
  wants({ type }: ServerMessage): boolean {
    return steps[type] !== undefined && this.#log.isLevelEnabled('debug')
  }

  /** A message that {@link wants} is true of. */
  delivered(to: readonly Session[], message: ServerMessage): void {
    const what = (steps[message.type] as (message: ServerMessage) => object)(message)
    for (const session of to) {
      const about = { session: this.#numbers.get(session), player: session.player?.name, ...what }
      this.#log.debug(about, message.type)
    }
  }

  lost(session: Session): void {
    const about = { session: this.#numbers.get(session), player: session.player?.name }
    this.#log.debug(about, 'connection lost')
  }

  /** To another node of the cluster. */
  moved(session: Session, to: NodeRef): void {
    this.#log.debug({ session: this.#numbers.get(session), to: to.id }, 'moved')
  }

  /** By the server. */
  disconnected(session: Session, reason: RefusalCode): void {
    const about = { session: this.#numbers.get(session), player: session.player?.name, reason }
    this.#log.info(about, 'disconnected')
  }
}
