// The live figures: what is shown of a second, and how a line is printed. Uses neither server nor
// bots.
import type { BotReport } from '../bots/figures.ts'
import type { ServerFigures } from '../server/server-figures.ts'

/** One line about the time between two looks at the server, and about the bots if there are any. */
export function formatFigures(
  now: ServerFigures,
  before: ServerFigures,
  seconds: number,
  bots?: BotReport
): string {
  const perSecond = (count: number) => whole(count / seconds)
  const parts = [
    `${whole(now.players)} players`,
    `${whole(now.rooms)} rooms`,
    `${whole(now.matches)} matches`,
    `${perSecond(now.messagesIn - before.messagesIn)} msg/s in`,
    `${perSecond(now.messagesOut - before.messagesOut)} msg/s out`
  ]
  if (bots !== undefined) {
    parts.push(
      `p50 ${bots.roundTrips.p50Ms.toFixed(2)} ms`,
      `p99 ${bots.roundTrips.p99Ms.toFixed(2)} ms`
    )
    const errors = sumOf(bots.errors)
    if (errors > 0) parts.push(`${whole(errors)} errors`)
  }
  return parts.join('  ')
}

export function sumOf(counts: Record<string, number>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

/** With commas between thousands. */
export function whole(count: number): string {
  return Math.round(count).toLocaleString('en')
}

/** At a terminal one line that is written over; in a file or a pipe a line each time. */
export class LiveLine {
  readonly #out: NodeJS.WriteStream
  #isShown = false

  constructor(out: NodeJS.WriteStream) {
    this.#out = out
  }

  show(text: string): void {
    if (!this.#out.isTTY) {
      this.#out.write(`${text}\n`)
      return
    }
    this.#out.write(`\r\x1b[K${text.slice(0, this.#out.columns - 1)}`)
    this.#isShown = true
  }

  /** Before anything else is printed. */
  end(): void {
    if (this.#isShown) this.#out.write('\n')
    this.#isShown = false
  }
}
