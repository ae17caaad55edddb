// Calls that travel between two threads: collected, and posted together once a turn. The other side confirms each post, so that it is known how much is
// on its way: somebody who has stopped reading must not fill the memory of who goes on writing.
import type { MessagePort } from 'node:worker_threads'

/** A method's name and its arguments. */
export type Call = readonly [method: string, ...args: unknown[]]

interface Post {
  calls?: Call[]
  /** So many calls of the other side have been carried out. */
  done?: number
}

/** What postMessage copies is the whole buffer below a view: bytes travel in one of their own. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

export class Mailbox {
  readonly #port: Pick<MessagePort, 'postMessage'>
  readonly #onCall: (call: Call) => void
  #calls: Call[] = []
  #isPosting = false
  #underWay = 0

  /** `onCall` is given each call of the other side, in order. */
  constructor(port: Pick<MessagePort, 'postMessage'>, onCall: (call: Call) => void) {
    this.#port = port
    this.#onCall = onCall
  }

  /** Calls that the other side has not carried out yet. */
  get length(): number {
    return this.#underWay
  }

  send(...call: Call): void {
    this.#underWay++
    this.#calls.push(call)
    if (this.#isPosting) return
    this.#isPosting = true
    setImmediate(() => this.#post())
  }

  /** What came by the port. */
  receive({ calls, done }: Post): void {
    this.#underWay -= done ?? 0
    if (calls === undefined) return
    for (const call of calls) this.#onCall(call)
    this.#port.postMessage({ done: calls.length } satisfies Post)
  }

  #post(): void {
    this.#isPosting = false
    const calls = this.#calls
    this.#calls = []
    this.#port.postMessage({ calls } satisfies Post)
  }
}
