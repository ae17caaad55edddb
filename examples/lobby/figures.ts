// The live figures: what is shown of a second, and how a line is shown. Knows neither server nor bots.
import type { ServerFigures } from './server.ts'

/** What the bots' process tells once a second. */
export interface BotReport {
  /** Round trips of the last second. */
  p50Ms: number
  p99Ms: number
  /** Connections that were refused or lost, since the start. */
  lost: number
  /** Refusals of the server that no bot should get, since the start. */
  faults: number
}

/** One line about the time between two looks at the server, and about the bots if there are any. */
export function formatFigures(now: ServerFigures, before: ServerFigures, seconds: number, bots?: BotReport): string {
  const perSecond = (count: number) => whole(count / seconds)
  const parts = [
    `${whole(now.players)} players`,
    `${whole(now.rooms)} rooms`,
    `${whole(now.matches)} matches`,
    `${perSecond(now.messagesIn - before.messagesIn)} msg/s in`,
    `${perSecond(now.messagesOut - before.messagesOut)} msg/s out`
  ]
  if (bots !== undefined) {
    parts.push(`p50 ${bots.p50Ms.toFixed(2)} ms`, `p99 ${bots.p99Ms.toFixed(2)} ms`)
    if (bots.lost > 0) parts.push(`${whole(bots.lost)} connections lost`)
    if (bots.faults > 0) parts.push(`${whole(bots.faults)} faults`)
  }
  return parts.join('  ')
}

function whole(count: number): string {
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
