// The poller inside Node's own loop: a thread watches the backend, and each batch gets one turn of that loop. Refuses to know events.
import { clockMs } from '../clock.ts'
import { beforeNodesLoopGoesOn, turnOfNodesLoop } from '../turns.ts'
import { abortSignal } from '../validate.ts'
import type { BackendWatch } from './backend.ts'
import type { Core } from './core.ts'

/** Options of {@link Poller.run}. */
export interface RunOptions {
  /** Ends `run()`; its promise is fulfilled then. */
  signal?: AbortSignal | undefined
}

// The parts of a poller that this file needs, whatever the events are.
type AnyCore = Core<never> | Core<unknown>

/** Waits for the backend without holding up Node's loop. */
class NodesLoop {
  readonly #core: AnyCore
  readonly #watch: BackendWatch
  #wakeUp: (() => void) | undefined
  #isTouched = false

  constructor(core: AnyCore) {
    this.#core = core
    this.#watch = core.backend.openWatch(() => this.stopWaiting())
    core.onTouch = () => this.#onTouch()
    core.onClose = () => this.close()
  }

  /** Until there may be something to take: a system event, a deadline, or what the program did outside of a handler. */
  async ready(): Promise<void> {
    const { next } = this.#core.deadlines
    const waiting = new Promise<void>((resolve) => {
      this.#wakeUp = resolve
    })
    this.#watch.arm(next === Number.POSITIVE_INFINITY ? -1 : Math.max(next - clockMs(), 0))
    await waiting
  }

  /** One turn of Node's loop. */
  turn(): Promise<void> {
    return turnOfNodesLoop()
  }

  stopWaiting(): void {
    const wakeUp = this.#wakeUp
    this.#wakeUp = undefined
    wakeUp?.()
  }

  close(): void {
    this.#core.onTouch = undefined
    this.#core.onClose = undefined
    this.#watch.close()
    this.stopWaiting()
  }

  // Something was sent, closed or timed, in a handler, a timer or a promise. Once for everything that the same callback does: a microtask comes
  // before Node's loop goes on, so that it leaves in this turn.
  #onTouch(): void {
    if (this.#isTouched) return
    this.#isTouched = true
    beforeNodesLoopGoesOn(() => {
      this.#isTouched = false
      if (!this.#core.closed) this.#core.flush()
      this.stopWaiting()
    })
  }
}

/** Batch after batch, as they are asked for. */
export async function* turnsOfNodesLoop<E>(
  core: AnyCore,
  collect: () => E[],
  signal?: AbortSignal
): AsyncGenerator<E[], void, void> {
  const loop = new NodesLoop(core)
  const onAbort = () => loop.stopWaiting()
  signal?.addEventListener('abort', onAbort)
  try {
    while (!core.closed && !signal?.aborted) {
      const events = collect()
      if (events.length === 0) {
        await loop.ready()
        continue
      }
      yield events
      await loop.turn()
    }
  } finally {
    signal?.removeEventListener('abort', onAbort)
    loop.close()
  }
}

/** `onEvents` for each batch until `signal` aborts, the poller is closed, or it throws. */
export async function runInNodesLoop<E>(
  core: AnyCore,
  collect: () => E[],
  onEvents: (events: E[]) => void,
  signal?: AbortSignal
): Promise<void> {
  if (signal !== undefined) abortSignal(signal, 'signal')
  for await (const events of turnsOfNodesLoop(core, collect, signal)) onEvents(events)
}
