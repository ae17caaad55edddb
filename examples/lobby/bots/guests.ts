// The bots that do not play: the quiet ones, those that leave and come back, and those that test
// the server's limits and expect to be disconnected.

import type { Request, ServerMessage } from '../wire/protocol.ts'
import { Bot, type Deed } from './bot.ts'

/** Signed in, and hardly anything else: most players of a large lobby. */
export class Lurker extends Bot {
  #watches = false

  protected override onConnected(): void {
    this.#watches = false
  }

  protected live(): Deed {
    const pauseMs = this.between(5_000, 20_000)
    if (this.chance(0.05)) return { send: [{ type: 'rooms' }], pauseMs }
    // Somebody with the list of rooms open: every change is sent to them.
    if (!this.#watches && this.chance(0.02)) {
      this.#watches = true
      return { send: [{ type: 'watch-rooms' }], pauseMs }
    }
    if (this.#watches && this.chance(0.3)) {
      this.#watches = false
      return { send: [{ type: 'watch-rooms', on: false }], pauseMs }
    }
    return { pauseMs }
  }
}

/**
 * Loses its connection and comes back to its room while its seat is kept; or signs out and comes
 * back with a new name.
 */
export class Quitter extends Bot {
  #room: string | undefined
  /** It has come back; the server should report its room after the welcome. */
  #isReturning = false
  /** It has asked for a room, or to leave for good, and has no answer yet. */
  #isWaiting = false
  #comesBackInMs = 0
  /** Since it was welcomed. */
  #turns = 0

  protected override onMessage(message: ServerMessage): number | undefined {
    switch (message.type) {
      case 'welcome':
        this.#turns = 0
        this.#isWaiting = false
        break
      case 'joined':
        if (this.#isReturning && message.room !== this.#room)
          this.ledger.error('back in another room')
        this.#isReturning = false
        this.#isWaiting = false
        this.#room = message.room
        break
      case 'signed-out':
        return 0
      case 'error':
        // Whatever was refused, it is counted already, and no room follows.
        this.#isReturning = false
        this.#isWaiting = false
        break
    }
    return undefined
  }

  protected live(): Deed {
    if (this.#turns++ < 2 || this.#isWaiting) return {}
    if (this.#isReturning) {
      this.ledger.error('not back in the room')
      this.#isReturning = false
      this.#room = undefined
    }
    if (this.#room === undefined && this.chance(0.3)) {
      this.#isWaiting = true
      return { send: [{ type: 'create', room: `${this.name}'s stop`, private: true }] }
    }
    if (this.chance(0.1)) {
      this.#room = undefined
      this.#isWaiting = true
      return { send: [{ type: 'sign-out' }] }
    }
    if (this.chance(0.2)) {
      this.#isReturning = this.#room !== undefined
      this.#comesBackInMs = this.between(200, 20_000)
      return { afterwards: 'reset' }
    }
    return {}
  }

  protected override comeIn(): Deed | undefined {
    const deed = super.comeIn()
    if (deed !== undefined) return deed
    // It has signed out; nothing more to do for now.
    this.#comesBackInMs = this.between(1_000, 5_000)
    return { afterwards: 'end' }
  }

  protected override onGone(): number {
    const pauseMs = this.#comesBackInMs
    this.#comesBackInMs = 0
    return pauseMs > 0 ? pauseMs : super.onGone()
  }
}

/** Sends far too much and is cut off for it; after a pause it does so again. */
export class Flooder extends Bot {
  override readonly isHonest = false

  protected live(): Deed {
    const flood = Array.from({ length: 500 }, (_, id): Request => ({ type: 'ping', id }))
    return { send: flood, pauseMs: 50 }
  }

  protected override onGone(): number {
    return this.between(500, 1_500)
  }

  protected override expects(kind: string): boolean {
    // The reset overtakes the server's last message when the bot gets more than it reads.
    return ['too-fast', 'flood', 'ECONNRESET', 'EPIPE', 'ECONNABORTED'].includes(kind)
  }
}

/** Asks for a lot and reads nothing of it, until it is cut off. */
export class SlowReader extends Bot {
  override readonly isHonest = false
  override readonly batchBufferBytes = 4_096
  #isPaused = false

  protected override onConnected(): void {
    this.#isPaused = false
  }

  protected live(): Deed {
    // Within its rate, so that it is not cut off for flooding. The longest answers that there are.
    const send: Request[] = [{ type: 'players', from: 0 }, { type: 'rooms' }, { type: 'rooms' }]
    if (this.#isPaused) return { send, pauseMs: 200 }
    this.#isPaused = true
    return { send, afterwards: 'pause', pauseMs: 200 }
  }

  protected override onGone(): number {
    return this.between(500, 1_500)
  }

  protected override expects(kind: string): boolean {
    return ['ECONNRESET', 'EPIPE', 'ECONNABORTED'].includes(kind)
  }
}

/** Connects and sends nothing, until the server disconnects it for that. */
export class HalfOpen extends Bot {
  override readonly isHonest = false

  protected live(): undefined {
    return undefined
  }

  protected override comeIn(): undefined {
    return undefined
  }

  protected override onGone(): number {
    return this.between(50, 150)
  }

  protected override expects(kind: string): boolean {
    // When very many are disconnected at once, some of them get no message.
    return ['sign-in-timeout', 'ECONNRESET', 'ECONNABORTED', 'closed without a word'].includes(kind)
  }
}
