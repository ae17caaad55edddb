// The progress line of a load run: looks at the server and at the bots once a second, and shows
// what it sees. Does not depend on what is measured.
import { setTimeout as delay } from 'node:timers/promises'
import { SingleBar } from 'cli-progress'
import type { ServerFigures } from '../server/server-figures.ts'
import { formatFigures } from './figures.ts'
import { type BotsProcess, Mistake } from './processes.ts'
import type { Servers } from './servers.ts'

const LOOK_EVERY_MS = 1_000

/** Looks at both processes, and shows what it sees. */
export class Watch {
  readonly server: Servers
  readonly bots: BotsProcess
  readonly #signal: AbortSignal
  #before: ServerFigures
  #beforeMs = performance.now()
  readonly #bar = new SingleBar({
    format: '{what} {bar} {value}/{total}  {figures}',
    barsize: 20,
    noTTYOutput: true,
    notTTYSchedule: 5 * LOOK_EVERY_MS,
    gracefulExit: false,
    hideCursor: true
  })

  constructor(server: Servers, bots: BotsProcess, figures: ServerFigures, signal: AbortSignal) {
    this.#signal = signal
    this.server = server
    this.bots = bots
    this.#before = figures
  }

  begin(what: string, total: number): void {
    this.#bar.start(total, 0, { what: what.padEnd(12), figures: '' })
  }

  end(): void {
    this.#bar.stop()
  }

  /** A look, once a second; `value` is how far it is. */
  async look(value: (figures: ServerFigures) => number): Promise<ServerFigures> {
    await delay(LOOK_EVERY_MS, undefined, { signal: this.#signal }).catch(() =>
      this.#signal.throwIfAborted()
    )
    if (this.server.hasEnded) throw new Mistake('The server has ended.')
    if (this.bots.hasEnded) throw new Mistake('The bots have ended.')
    const now = await this.server.figures()
    const nowMs = performance.now()
    const figures = formatFigures(
      now,
      this.#before,
      (nowMs - this.#beforeMs) / 1000,
      this.bots.report
    )
    this.#bar.update(value(now), { figures })
    this.#before = now
    this.#beforeMs = nowMs
    return now
  }
}
