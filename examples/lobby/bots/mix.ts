// The behaviours by their names, and how many of each.
import type { Bot, BotOptions } from './bot.ts'
import { Flooder, HalfOpen, Lurker, Quitter, SlowReader } from './guests.ts'
import { Chatter, Player } from './social.ts'
import { FrameBreaker, HugeSender, NoCloser, PingFlooder, SlowHandshaker } from './web-guests.ts'

const behaviours = {
  player: Player,
  chatter: Chatter,
  lurker: Lurker,
  quitter: Quitter,
  flooder: Flooder,
  slowReader: SlowReader,
  halfOpen: HalfOpen,
  frameBreaker: FrameBreaker,
  pingFlooder: PingFlooder,
  hugeSender: HugeSender,
  noCloser: NoCloser,
  slowHandshaker: SlowHandshaker
}
export type Behaviour = keyof typeof behaviours
/** Those that test the server's limits. */
export const badBehaviours: ReadonlySet<Behaviour> = new Set([
  'flooder',
  'slowReader',
  'halfOpen',
  'frameBreaker',
  'pingFlooder',
  'hugeSender',
  'noCloser',
  'slowHandshaker'
])
export const behaviourNames = Object.keys(behaviours) as Behaviour[]

/** How many bots of each behaviour; one that is left out has none. */
export type Mix = Partial<Record<Behaviour, number>>

export function newBot(behaviour: Behaviour, options: BotOptions): Bot {
  return new behaviours[behaviour](options)
}

export function sizeOf(mix: Mix): number {
  return Object.values(mix).reduce((sum, count) => sum + count, 0)
}

/** For a first visit: mostly bots that play and bots that talk. */
export function livelyMix(count: number): Mix {
  const chatter = Math.floor(count * 0.15)
  const lurker = Math.floor(count * 0.1)
  const quitter = Math.floor(count * 0.03)
  return { player: count - chatter - lurker - quitter, chatter, lurker, quitter }
}

/** The order in which they come: every part of it is mixed as the whole is. */
export function inOrder(mix: Mix): Behaviour[] {
  const all = behaviourNames.flatMap((behaviour) => {
    const count = mix[behaviour] ?? 0
    return Array.from({ length: count }, (_, at) => ({ behaviour, place: (at + 0.5) / count }))
  })
  return all.sort((one, other) => one.place - other.place).map(({ behaviour }) => behaviour)
}
