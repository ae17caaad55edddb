// Calls between two threads: collected, and posted together once a turn of the event loop. The
// other side confirms each post, so the sender knows how much is on its way: a thread that has
// stopped reading must not fill the sender's memory.
import type { MessagePort } from 'node:worker_threads'

/** A method's name and its arguments. */
export type Call = readonly [method: string, ...args: unknown[]]

interface Post<Kind extends Call> {
  calls?: readonly Kind[]
  /** A post of the other side has arrived. */
  isHere?: true
}

/** What a call counts for beside its bytes and numbers. */
const CALL_BYTES = 100
const NUMBER_BYTES = 8

/** postMessage copies the whole buffer below a view, so bytes get a buffer of their own. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

function weightOf(call: Call): number {
  let bytes = CALL_BYTES
  for (const argument of call) {
    if (argument instanceof Uint8Array) bytes += argument.length
    else if (Array.isArray(argument)) bytes += argument.length * NUMBER_BYTES
  }
  return bytes
}

/** `Sent` are the calls to the other side, `Taken` those that come from there. */
export class Mailbox<Sent extends Call = Call, Taken extends Call = Call> {
  readonly #port: Pick<MessagePort, 'postMessage'>
  readonly #onCall: (call: Taken) => void
  #calls: Sent[] = []
  #callsBytes = 0
  #isPosting = false
  /** The weights of the posts that are not confirmed yet, the oldest first. */
  readonly #posts: number[] = []
  #underWayBytes = 0

  /** `onCall` is given each call of the other side, in order. */
  constructor(port: Pick<MessagePort, 'postMessage'>, onCall: (call: Taken) => void) {
    this.#port = port
    this.#onCall = onCall
  }

  /** About how much memory the calls take that the other side has not seen yet. */
  get underWayBytes(): number {
    return this.#underWayBytes
  }

  send(...call: Sent): void {
    const bytes = weightOf(call)
    this.#callsBytes += bytes
    this.#underWayBytes += bytes
    this.#calls.push(call)
    if (this.#isPosting) return
    this.#isPosting = true
    setImmediate(() => this.flush())
  }

  /** Posts what was sent now, and not at the end of the turn. */
  flush(): void {
    this.#isPosting = false
    if (this.#calls.length === 0) return
    const calls = this.#calls
    this.#posts.push(this.#callsBytes)
    this.#calls = []
    this.#callsBytes = 0
    this.#port.postMessage({ calls } satisfies Post<Sent>)
  }

  /** What came by the port. */
  receive({ calls, isHere }: Post<Taken>): void {
    if (isHere) this.#underWayBytes -= this.#posts.shift() as number
    if (calls === undefined) return
    this.#port.postMessage({ isHere: true } satisfies Post<Sent>)
    for (const call of calls) this.#onCall(call)
  }
}
