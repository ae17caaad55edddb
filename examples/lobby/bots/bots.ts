// The process of the bots. Its one argument is a FleetOptions as JSON. Over the channel to its
// parent it sends a BotReport once a second and takes a BotsCommand; when the channel closes, the
// bots end. What bots do is in fleet.ts.

import { Poller, runLoop } from 'pollport'
import type { BotFigures } from './figures.ts'
import { Fleet, type FleetOptions, type Member } from './fleet.ts'
import type { Mix } from './mix.ts'
import { pace } from './pace.ts'

/** What you can send to this process. */
export type BotsCommand =
  /**
   * A phase ends, and the next one begins: the answer is a {@link PhaseReport} of the one that
   * ends.
   */
  | { do: 'phase' }
  /** From now on so many of each. */
  | { do: 'mix'; mix: Mix }

export interface PhaseReport {
  phase: BotFigures
}

/** A datagram of the server has at most a few hundred bytes. */
const MAX_DATAGRAM = 2_048
const RECEIVE_BUFFER_BYTES = 1024 * 1024

const poller = new Poller<Member>({
  maxDatagramBytes: MAX_DATAGRAM,
  batchBufferBytes: RECEIVE_BUFFER_BYTES
})
const options: FleetOptions = JSON.parse(process.argv[2])
const fleet = new Fleet(poller, options)
let reportAtMs = performance.now() + pace.reportEveryMs

const end = new AbortController()
if (!process.connected) end.abort()
process.on('disconnect', () => end.abort()) // the server ends, or is gone, however it went
process.on('SIGINT', () => {}) // Ctrl-C reaches both processes; the server's closes the channel
process.on('message', (command: BotsCommand) => {
  if (command.do === 'phase') tell({ phase: fleet.takePhase() } satisfies PhaseReport)
  else fleet.setMix(command.mix)
})

// runLoop() and not run(): a tick is when the bots act, and round trips are measured best by a
// thread that itself waits for the answers.
await runLoop(poller, {
  hz: pace.ticksPerSecond,
  signal: end.signal,
  onEvents: (events) => fleet.onEvents(events),
  onTick: (_tick, lateMs) => {
    fleet.onTick(lateMs)
    if (performance.now() < reportAtMs) return
    reportAtMs = performance.now() + pace.reportEveryMs
    tell(fleet.report())
  }
})
poller.close()

function tell(message: object): void {
  // The callback takes the error of a parent that ends at this very moment: 'disconnect' reports
  // that too.
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}
