// What a load run comes to: the figures, each with its goal if it has one, and the table that shows
// them. Pure.

import type { Times } from '../bots/figures.ts'
import { latenessAt, latenessSince, type ServerFigures } from '../server/server-figures.ts'
import { sumOf, whole } from './figures.ts'
import type { ClusterFigures } from './servers.ts'

/** What was asked for. */
export interface LoadOptions {
  players: number
  playing: number
  seconds: number
  workers: number
  /** How many of a hundred come by WebSocket. */
  web: number
}

/** What was seen; the counts of a run are differences between two looks at the server. */
export interface LoadRun {
  /** Just started, with nobody there. */
  empty: ServerFigures
  /** All are signed in, and after so many seconds since the first connected. */
  signedInAfterSeconds: number
  /** The first and the last look while it was measured, with the seconds between. */
  first: ServerFigures
  last: ServerFigures
  seconds: number
  /**
   * What the bots measured, they measured in this time: longer than `seconds` by the asking for
   * figures before and after.
   */
  phaseSeconds: number
  /** Players in matches, at each look. */
  playing: number[]
  roundTrips: Times
  inputs: Times
  /** Of the bots' own loop. */
  botLateness: Times
  errors: Record<string, number>
  expected: Record<string, number>
  /** Shares of one core; undefined where the system does not report them. */
  serverCpu: number | undefined
  botsCpu: number | undefined
  /** The first and the last look at it; undefined without one. */
  cluster?: readonly [ClusterFigures, ClusterFigures] | undefined
}

export interface Row {
  name: string
  /** As a number where it is one, for machines. */
  figure: number | Record<string, number> | undefined
  text: string
  goal?: string
  holds?: boolean
}

const GOALS = {
  roundTripP99Ms: 50,
  tickLatenessP99Ms: 5,
  bytesAPlayer: 4_000,
  playing: 0.98,
  quarter: 0.25
}

/** Bots that are later than this do not measure the server alone. */
const BUSY_MS = 20

export function rowsOf({ players, playing }: LoadOptions, run: LoadRun): Row[] {
  const { empty, first, last, seconds, phaseSeconds, roundTrips, inputs, botLateness } = run
  const perSecond = (key: 'messagesIn' | 'messagesOut' | 'datagramsIn' | 'datagramsOut') =>
    (last[key] - first[key]) / seconds
  const lateness = latenessSince(last.lateness, first.lateness)
  const ticks = last.ticks - first.ticks
  const missed = last.missedTicks - first.missedTicks
  const rssAPlayer = (last.memory.rss - empty.memory.rss) / players
  const heapAPlayer = (last.memory.heapUsed - empty.memory.heapUsed) / players
  const errors = sumOf(run.errors)
  const playingNow = medianOf(run.playing)
  const signIns = players / run.signedInAfterSeconds
  return [
    {
      name: 'players',
      figure: last.players,
      text: `${whole(last.players)}, ${whole(last.away)} of them away; ${whole(last.webConnections)} by WebSocket`
    },
    {
      name: 'of them play, median',
      figure: playingNow,
      text: `${whole(playingNow)}, ${whole(last.viaUdp)} by datagrams`,
      goal: `${whole(playing)}`,
      holds: playingNow >= playing * GOALS.playing
    },
    { name: 'sign-ins/s in the ramp', figure: signIns, text: whole(signIns) },
    {
      name: 'round trip p50, p99',
      figure: roundTrips.p99Ms,
      text: `${ms(roundTrips.p50Ms)}, ${ms(roundTrips.p99Ms)} of ${whole(roundTrips.count)} in ${phaseSeconds.toFixed(1)} s, at most ${ms(roundTrips.maxMs)}`,
      goal: `p99 < ${GOALS.roundTripP99Ms} ms`,
      holds: roundTrips.count > 0 && roundTrips.p99Ms < GOALS.roundTripP99Ms
    },
    {
      name: 'input to state p50, p99',
      figure: inputs.p99Ms,
      text: `${ms(inputs.p50Ms)}, ${ms(inputs.p99Ms)} of ${whole(inputs.count)}, at most ${ms(inputs.maxMs)}`
    },
    {
      name: 'tick lateness p50, p99',
      figure: latenessAt(lateness, 0.99),
      text: `${ms(latenessAt(lateness, 0.5))}, ${ms(latenessAt(lateness, 0.99))}`,
      goal: `p99 < ${GOALS.tickLatenessP99Ms} ms`,
      // The histogram knows only the bound.
      holds: ticks > 0 && latenessAt(lateness, 0.99) <= GOALS.tickLatenessP99Ms
    },
    { name: 'missed ticks', figure: missed, text: `${whole(missed)} of ${whole(ticks + missed)}` },
    {
      name: 'errors',
      figure: run.errors,
      text: errors === 0 ? 'none' : kindsOf(run.errors),
      goal: 'none',
      holds: errors === 0
    },
    { name: 'expected refusals', figure: run.expected, text: kindsOf(run.expected) || 'none' },
    {
      name: 'memory a player',
      figure: rssAPlayer,
      text: `${whole(rssAPlayer)} B (${mb(empty.memory.rss)} -> ${mb(last.memory.rss)}); of the heap ${whole(heapAPlayer)} B`,
      goal: `< ${whole(GOALS.bytesAPlayer)} B`,
      // Less than nothing is no measurement: the empty server had not settled yet.
      holds: rssAPlayer >= 0 && rssAPlayer < GOALS.bytesAPlayer
    },
    {
      name: 'messages/s in, out',
      figure: perSecond('messagesIn') + perSecond('messagesOut'),
      text: `${whole(perSecond('messagesIn'))}, ${whole(perSecond('messagesOut'))}`
    },
    {
      name: 'datagrams/s in, out',
      figure: perSecond('datagramsIn') + perSecond('datagramsOut'),
      text: `${whole(perSecond('datagramsIn'))}, ${whole(perSecond('datagramsOut'))}; ${whole(last.datagramsRefused - first.datagramsRefused)} refused`
    },
    {
      name: 'processor: server, bots',
      figure: run.serverCpu,
      text: `${percent(run.serverCpu)}, ${percent(run.botsCpu)} of a core`
    },
    cpuAMessage(run),
    ...rowsOfCluster(run),
    {
      name: "the bots' own lateness p99",
      figure: botLateness.p99Ms,
      text: `${ms(botLateness.p99Ms)}${botLateness.p99Ms > BUSY_MS ? ': this machine is too busy to measure' : ''}`
    }
  ]
}

/** What a message or a datagram, in or out, costs the servers: to compare runs of one load. */
function cpuAMessage({ first, last, serverCpu, seconds }: LoadRun): Row {
  const all = (figures: ServerFigures) =>
    figures.messagesIn + figures.messagesOut + figures.datagramsIn + figures.datagramsOut
  const count = (all(last) - all(first)) / seconds
  const cost = serverCpu === undefined || count === 0 ? undefined : (serverCpu / count) * 1e6
  return {
    name: 'processor a message',
    figure: cost,
    text: cost === undefined ? 'unknown' : `${cost.toFixed(1)} µs of ${whole(count)} a second`
  }
}

/** What there is to say of nodes and of their Redis; nothing without a cluster. */
function rowsOfCluster({ cluster, seconds }: LoadRun): Row[] {
  if (cluster === undefined) return []
  const [before, after] = cluster
  const commands = (figures: ClusterFigures) =>
    addedUp(figures.nodes.map((node) => node.cluster?.commands ?? {}))
  const earlier = commands(before)
  const perSecond = Object.fromEntries(
    Object.entries(commands(after)).map(([kind, count]) => [
      kind,
      (count - (earlier[kind] ?? 0)) / seconds
    ])
  )
  const linked = (figures: ClusterFigures, key: 'callsOut' | 'bytesOut') =>
    figures.nodes
      .flatMap((node) => node.cluster?.links ?? [])
      .reduce((sum, link) => sum + link[key], 0)
  const rate = (key: 'callsOut' | 'bytesOut') =>
    (linked(after, key) - linked(before, key)) / seconds
  const share = (now: number | undefined, then: number | undefined) =>
    now === undefined || then === undefined ? undefined : (now - then) / seconds
  const cpus = after.nodeCpu.map((cpu, at) => percent(share(cpu, before.nodeCpu[at])))
  const redisCpu = share(after.redisCpu, before.redisCpu)
  const players = after.nodes.map((node) => node.players)
  return [
    { name: 'players by node', figure: undefined, text: players.map(whole).join(', ') },
    {
      name: 'matches by node',
      figure: undefined,
      text: after.nodes.map((node) => whole(node.matches)).join(', ')
    },
    {
      name: 'processor by node; Redis',
      figure: redisCpu,
      text: `${cpus.join(', ')}; ${percent(redisCpu)} of a core`
    },
    {
      name: 'Redis commands/s',
      figure: perSecond,
      text: `${whole(sumOf(perSecond))}: ${ratesOf(perSecond)}`
    },
    {
      name: 'between nodes',
      figure: rate('bytesOut'),
      text: `${whole(rate('callsOut'))} calls/s, ${mb(rate('bytesOut'))}/s`
    }
  ]
}

function addedUp(records: readonly Record<string, number>[]): Record<string, number> {
  const all: Record<string, number> = {}
  for (const record of records)
    for (const [kind, count] of Object.entries(record)) all[kind] = (all[kind] ?? 0) + count
  return all
}

/** The largest first; what is less than one in ten seconds is left out. */
function ratesOf(rates: Record<string, number>): string {
  return Object.entries(rates)
    .filter(([, rate]) => rate >= 0.1)
    .sort(([, one], [, other]) => other - one)
    .map(([kind, rate]) => `${kind} ${rate < 10 ? rate.toFixed(1) : whole(rate)}`)
    .join(', ')
}

/** One round without bad guests, and one with them. */
export interface Round {
  quiet: Times
  bad: Times
}

/** What a flooder, a slow reader and half-open connections change for the others. */
export function rowsOfRounds(
  rounds: readonly Round[],
  errors: Record<string, number>,
  expected: Record<string, number>
): Row[] {
  const quiet = medianOf(rounds.map((round) => round.quiet.p99Ms))
  const bad = medianOf(rounds.map((round) => round.bad.p99Ms))
  const change = bad / quiet - 1
  const count = sumOf(errors)
  return [
    {
      name: 'round trip p99 without',
      figure: quiet,
      text: `${ms(quiet)}, the median of ${rounds.map((round) => round.quiet.p99Ms.toFixed(1)).join(', ')}`
    },
    {
      name: 'round trip p99 with',
      figure: bad,
      text: `${ms(bad)}, the median of ${rounds.map((round) => round.bad.p99Ms.toFixed(1)).join(', ')}`
    },
    {
      name: 'change',
      figure: change,
      text: `${change < 0 ? '' : '+'}${(change * 100).toFixed(0)} %`,
      goal: 'changes by less than a quarter',
      // Less is luck, and fine.
      holds: change < GOALS.quarter
    },
    {
      name: 'errors',
      figure: errors,
      text: count === 0 ? 'none' : kindsOf(errors),
      goal: 'none',
      holds: count === 0
    },
    { name: 'expected refusals and cuts', figure: expected, text: kindsOf(expected) || 'none' }
  ]
}

/** Whether no goal is missed. */
export function allHold(rows: readonly Row[]): boolean {
  return rows.every(({ holds }) => holds !== false)
}

export function tableOf(rows: readonly Row[]): string {
  const cells = rows.map(({ name, text, goal = '', holds }) => [
    name,
    text,
    goal,
    holds === undefined ? '' : holds ? 'yes' : 'NO'
  ])
  const all = [['', 'measured', 'goal', 'holds'], ...cells]
  const widths = all[0].map((_, column) => Math.max(...all.map((row) => row[column].length)))
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd()
    )
    .join('\n')
}

export function medianOf(values: readonly number[]): number {
  if (values.length === 0) return 0
  const sorted = [...values].sort((one, other) => one - other)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

function kindsOf(counts: Record<string, number>): string {
  return Object.entries(counts)
    .sort(([, one], [, other]) => other - one)
    .map(([kind, count]) => `${kind} ${whole(count)}`)
    .join(', ')
}

function ms(value: number): string {
  return value === Number.POSITIVE_INFINITY
    ? 'very late'
    : `${value.toFixed(value < 10 ? 2 : 1)} ms`
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}

function percent(share: number | undefined): string {
  return share === undefined ? 'unknown' : `${Math.round(share * 100)} %`
}
