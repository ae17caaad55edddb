// What Node does for a program outside of the simulation: files, names, its thread pool, timers.
// Knows no program and no host.
import { createHook, executionAsyncResource } from 'node:async_hooks'
import { numberOfRequests } from '../turns.ts'

/** A request to the system or to Node's threads, as async_hooks names it. */
const REQUEST = /REQ|^QUERYWRAP$|(CONNECT|SHUTDOWN|WRITE|SEND)WRAP$/
const TIMER = 'Timeout'
/** A longer timer is not waited for: time stands still until it fires. */
const LONGEST_TIMER_MS = 1000

interface Begun {
  readonly type: string
  readonly resource: object
  /** It took too long, or was done once: it is found when it is done, if it ever is. */
  isGivenUp: boolean
}

export class RealWork {
  /** Counted by the hooks; and without them, how often Node was asked how much there was. */
  #counted = 0
  #looks = 0
  #isWatching = false
  readonly #begun = new Map<number, Begun>()
  readonly #onBegin = createHook({
    init: (id, type, _trigger, resource) => {
      if (type === 'PROMISE') return
      this.#counted++
      if (type !== TIMER && !REQUEST.test(type)) return
      this.#begun.set(id, { type, resource, isGivenUp: false })
      this.#onDone.enable()
    }
  })
  // Apart from the other, since Node calls it before each promise, too.
  readonly #onDone = createHook({
    before: (id) => {
      const begun = this.#begun.get(id)
      if (begun !== undefined) {
        if (isRepeated(begun)) begun.isGivenUp = true
        else this.#begun.delete(id)
        this.#onNext(begun.type)
      } else if ('_onImmediate' in executionAsyncResource()) this.#onNext(undefined)
    }
  })
  readonly #onNext: (type: string | undefined) => void

  /**
   * `onNext` is called when one of them is done, before what awaits it goes on, and with undefined
   * before what Node does in the order in which it was asked: what was done before has had its
   * effect by then.
   */
  constructor(onNext: (type: string | undefined) => void) {
    this.#onNext = onNext
  }

  /**
   * How much Node was asked to call back, ticks and immediates included, promises not. Tells
   * something only beside an earlier one, with no {@link watch} or {@link stop} between.
   */
  get asked(): number {
    return this.#isWatching ? this.#counted : numberOfRequests() - ++this.#looks
  }

  /** Node calls its hooks for each promise, too: they cost a sixth of the speed. */
  watch(): void {
    this.#isWatching = true
    this.#onBegin.enable()
  }

  stop(): void {
    this.#isWatching = false
    this.#onBegin.disable()
    this.#onDone.disable()
    this.#begun.clear()
  }

  /** Whether something is under way that is worth waiting for. */
  get isPending(): boolean {
    if (this.#begun.size === 0) return false
    let isPending = false
    for (const [id, begun] of this.#begun) {
      if (isOver(begun)) this.#begun.delete(id)
      else if (!begun.isGivenUp && isWaitedFor(begun)) isPending = true
    }
    if (this.#begun.size === 0) this.#onDone.disable()
    return isPending
  }

  /** What is under way is not waited for any more. */
  giveUp(): void {
    for (const begun of this.#begun.values()) begun.isGivenUp = true
  }
}

/** Of Node's class of timers, what tells how one is. */
interface NodeTimer {
  readonly _destroyed?: boolean
  readonly _idleTimeout?: number
  readonly _repeat?: number | null
  hasRef(): boolean
}

function isRepeated({ type, resource }: Begun): boolean {
  return type === TIMER && typeof (resource as NodeTimer)._repeat === 'number'
}

function isWaitedFor({ type, resource }: Begun): boolean {
  if (type !== TIMER) return true
  const timer = resource as NodeTimer
  return timer.hasRef() && (timer._idleTimeout ?? 0) <= LONGEST_TIMER_MS
}

/** What Node does within the call, `randomFillSync()` for one, is nobody's to wait for. */
function isOver({ type, resource }: Begun): boolean {
  if (type === TIMER) return (resource as NodeTimer)._destroyed === true
  if (type === 'FILEHANDLECLOSEREQ') return false
  return !('oncomplete' in resource || 'ondone' in resource || 'promise' in resource)
}
