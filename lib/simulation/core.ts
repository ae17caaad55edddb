// What hosts and backends need of the network: the clock, the wire, and who may run. network.ts
// has it.
import type { SimulatedBackend } from './backend.ts'
import type { SimulatedHost } from './host.ts'
import type { Link } from './link.ts'
import type { LinkPacket } from './packet.ts'
import type { Schedule } from './schedule.ts'

export interface Core {
  readonly seed: number
  /** Inside run() of the network. */
  readonly isRunning: boolean
  readonly now: number
  readonly schedule: Schedule
  /** A link of that host, whose address `from` is. */
  linkBetween(host: SimulatedHost, from: string, to: string): Link
  send(packet: LinkPacket): void
  start(host: SimulatedHost, program: () => unknown): void
  /** Tells later whether the host has not crashed since. */
  lifeOf(host: SimulatedHost): () => boolean
  onCrash(host: SimulatedHost): void
  onPause(host: SimulatedHost): void
  onResume(host: SimulatedHost): void
  /** A program did something or may go on, so that more may come of it in this moment. */
  stir(by: SimulatedHost | undefined): void
  /** `backend`, whose loop waits, has something to report or its time is over. */
  setDue(backend: SimulatedBackend): void
  /**
   * Lets time pass inside a blocking wait, until `isOver` or that time. Throws
   * ERR_SIMULATION_BLOCKED where others would have to run.
   */
  block(untilMs: number, isOver: () => boolean): void
}

export function wentOnByItself(address: string, type: string): Error {
  const message =
    `a program of ${address} went on after something that is not of the simulation (${type}), ` +
    'and no seed decides when: prepare it before run(), or use host.sleep() and poller.timer()'
  return Object.assign(new Error(message), { code: 'ERR_SIMULATION_REAL_WORK' })
}

export function blocked(message: string): Error {
  return Object.assign(new Error(message), { code: 'ERR_SIMULATION_BLOCKED' })
}
