// The load command: a small load from beginning to end, its arithmetic, and that no process stays.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { isWindows } from '../../../test/support/system.ts'
import type { Times } from '../bots/figures.ts'
import {
  allHold,
  type LoadRun,
  medianOf,
  type Row,
  rowsOf,
  rowsOfRounds,
  tableOf
} from '../load/summary.ts'
import { LATENESS_BOUNDS_MS, type ServerFigures } from '../server/server-figures.ts'
import { until } from './person.ts'

const lobby = fileURLToPath(new URL('..', import.meta.url))

class Command {
  readonly process: ChildProcess
  output = ''
  end: number | string | undefined

  constructor(...args: string[]) {
    this.process = spawn(process.execPath, ['--import', 'tsx', 'load/load.ts', ...args], {
      cwd: lobby,
      stdio: 'pipe'
    })
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on('data', (data) => {
        this.output += data
      })
    }
    this.process.on('close', (code, signal) => {
      this.end = code ?? signal ?? ''
    })
    onTestFinished(() => void this.process.kill('SIGKILL'))
  }

  async ended(): Promise<number | string | undefined> {
    await until(`the end of the command: ${this.output}`, () => this.end !== undefined)
    return this.end
  }
}

/** The processes whose command line has this in it. */
function processesWith(text: string): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(text)
    } catch {
      return false // it has ended
    }
  })
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'lobby-load-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

const names = [
  'players',
  'of them play, median',
  'sign-ins/s in the ramp',
  'round trip p50, p99',
  'input to state p50, p99',
  'tick lateness p50, p99',
  'missed ticks',
  'errors',
  'expected refusals',
  'memory a player',
  'messages/s in, out',
  'datagrams/s in, out',
  'processor: server, bots',
  'processor a message',
  "the bots' own lateness p99"
]

/** What a load of a few players says with these flags. */
async function fewPlayers(...flags: string[]) {
  const file = join(folder(), 'figures.json')
  const few = ['--players', '20', '--playing', '10', '--seconds', '2']
  const command = new Command(...few, ...flags, '--json', file)
  await command.ended() // on a busy machine a goal may be missed
  const what = JSON.parse(readFileSync(file, 'utf8'))
  const row = (name: string) => (what.rows as Row[]).find((one) => one.name === name) as Row
  return { what, row }
}

test('an encrypted load makes its own certificate, and goes well', async () => {
  const { what, row } = await fewPlayers('--web', '20', '--encrypted')
  expect(what.encrypted).toBe(true)
  expect(row('errors')).toMatchObject({ figure: {}, holds: true })
  expect(row('players').figure).toBe(20)
  expect(row('datagrams/s in, out').figure).toBeGreaterThan(20)
})

test('a load behind a proxy plays by encrypted datagrams', async () => {
  const { what, row } = await fewPlayers('--behind-proxy')
  expect(what.behindProxy).toBe(true)
  expect(row('errors')).toMatchObject({ figure: {}, holds: true })
  expect(row('datagrams/s in, out').figure).toBeGreaterThan(20)
})

test('a small load: all sign in, some play by datagrams, nothing goes wrong, and the exit code is what the goals say', async () => {
  const file = join(folder(), 'figures.json')
  const command = new Command(
    '--players',
    '60',
    '--playing',
    '20',
    '--seconds',
    '3',
    '--web',
    '50',
    '--json',
    file
  )
  const code = await command.ended()
  const { rows, holds, players, mix } = JSON.parse(readFileSync(file, 'utf8'))
  const row = (name: string) => (rows as Row[]).find((one) => one.name === name) as Row
  expect(rows.map((one: Row) => one.name)).toEqual(names)
  for (const name of names) expect(command.output).toContain(`\n${name}  `)
  expect(players).toBe(60)
  expect(mix.player).toBeGreaterThanOrEqual(20)
  expect(row('errors')).toMatchObject({ figure: {}, holds: true })
  expect(row('players').figure).toBe(60)
  // Each behaviour by itself, and a quitter may be away.
  expect(Number(/; (\d+) by WebSocket/.exec(row('players').text)?.[1])).toBeGreaterThan(24)
  expect(row('of them play, median').figure).toBeGreaterThan(10)
  expect(row('datagrams/s in, out').figure).toBeGreaterThan(100)
  expect(row('input to state p50, p99').figure).toBeGreaterThan(0)
  // Sixty pings a second, in the time that it took: on a busy machine that is more than was asked
  // for.
  const [, pings, tookSeconds] =
    /of (\d+) in ([\d.]+) s,/.exec(row('round trip p50, p99').text) ?? []
  expect(Number(pings)).toBeGreaterThan(100)
  expect(Number(pings) / Number(tookSeconds)).toBeLessThan(66)
  // Sixty players share what any server needs, and the machine does other things: which goals are
  // met does not matter to the test, but that they are reported.
  expect(code).toBe(holds ? 0 : 1)
  expect(command.output).toContain(holds ? 'All goals are met.' : 'Not all goals are met.')
  expect(command.output).toMatch(/signing in +=+ 60\/60 /)
})

// Windows ends a process without asking it: the server leaves no profile there.
test.skipIf(process.platform === 'win32')(
  'a profile of each process is written',
  {
    timeout: 180_000
  },
  async () => {
    const profiles = folder()
    await new Command('--players', '20', '--seconds', '1', '--profile', profiles).ended()
    expect(readdirSync(profiles).sort()).toEqual(['bots.ts.cpuprofile', 'main.ts.cpuprofile'])
  }
)

test('bad guests: rounds without and with them, and what they change', {
  timeout: 180_000
}, async () => {
  const command = new Command(
    '--players',
    '40',
    '--playing',
    '10',
    '--seconds',
    '2',
    '--bad-guests',
    '--rounds',
    '1'
  )
  await command.ended()
  expect(command.output).toMatch(/\nround trip p99 with +[\d.]+ ms, the median of [\d.]+\n/)
  expect(command.output).toMatch(/\nchange +[+-]\d+ % +changes by less than a quarter +(yes|NO)\n/)
  expect(command.output).toMatch(/\nerrors +none +none +yes\n/)
  for (const guest of ['flooder', 'frameBreaker', 'pingFlooder', 'hugeSender', 'noCloser'])
    expect(command.output).toMatch(
      new RegExp(`\\nexpected refusals and cuts .*\\b${guest} [A-Za-z]`)
    )
})

// Windows has no signals between processes.
test.skipIf(isWindows)('Ctrl-C ends the load and what it has started', async () => {
  const name = `${process.pid}-load-test`
  const command = new Command(
    '--players',
    '30',
    '--playing',
    '10',
    '--seconds',
    '600',
    '--',
    '--store',
    join(folder(), name)
  )
  await until(`it measures: ${command.output}`, () => command.output.includes('measuring'))
  expect(processesWith(name).length).toBeGreaterThan(1)
  command.process.kill('SIGINT')
  expect(await command.ended()).toBe(130)
  expect(command.output).toContain('Stopped.')
  expect(processesWith(name)).toEqual([])
})

test.each([
  [['--players', 'many'], '--players needs a whole number'],
  [['--web', '101'], '--web needs a whole number from 0 to 100'],
  [['--playing', '2000'], '--playing needs a whole number from 0 to 1000'],
  [['--fast'], "Unknown option '--fast'"],
  [['--', '--max-rooms', 'none'], '--max-rooms: must be a whole number']
])('%j is answered with a sentence', async (args, sentence) => {
  const command = new Command(...args)
  expect(await command.ended()).toBe(1)
  expect(command.output).toContain(sentence)
  expect(command.output).not.toMatch(/^\s+at /m)
})

test.skipIf(isWindows)(
  'more players than a process may have descriptors: said before anything is started',
  async () => {
    const command = new Command('--players', '1000000')
    expect(await command.ended()).toBe(1)
    expect(command.output).toMatch(
      /A process may have \d+ descriptors here \(ulimit -Hn\)\. So many players need 1\d+ in the server/
    )
  }
)

// ---- The arithmetic ----

const times = (p99Ms: number): Times => ({ count: 1_000, p50Ms: 1, p99Ms, maxMs: 100 })

function figures(more: Partial<ServerFigures>, lateTicks: [number, number][] = []): ServerFigures {
  const counts = LATENESS_BOUNDS_MS.map((bound) => lateTicks.find(([ms]) => ms === bound)?.[1] ?? 0)
  return {
    players: 1_000,
    playing: 200,
    viaUdp: 200,
    webConnections: 0,
    away: 0,
    ticks: 0,
    missedTicks: 0,
    datagramsIn: 0,
    datagramsOut: 0,
    datagramsRefused: 0,
    messagesIn: 0,
    messagesOut: 0,
    memory: { rss: 100_000_000, heapUsed: 20_000_000, external: 0, arrayBuffers: 0 },
    lateness: { boundsMs: LATENESS_BOUNDS_MS, counts: [...counts, 0], sumMs: 0 },
    ...more
  } as ServerFigures
}

function run(more: Partial<LoadRun> = {}): LoadRun {
  return {
    empty: figures({}),
    signedInAfterSeconds: 2,
    first: figures({ ticks: 100, messagesIn: 1_000 }, [[1, 100]]),
    last: figures(
      {
        ticks: 400,
        messagesIn: 21_000,
        memory: { rss: 103_000_000, heapUsed: 21_000_000, external: 0, arrayBuffers: 0 }
      },
      [
        [1, 397],
        [5, 3]
      ]
    ),
    seconds: 10,
    phaseSeconds: 10.1,
    playing: [190, 200, 210],
    roundTrips: times(49),
    inputs: times(60),
    botLateness: times(2),
    errors: {},
    expected: { 'room-full': 2 },
    serverCpu: 0.5,
    botsCpu: undefined,
    ...more
  }
}

const options = { players: 1_000, playing: 200, seconds: 10, workers: 0, web: 0 }
const missed = (more: Partial<LoadRun>) =>
  rowsOf(options, run(more))
    .filter(({ holds }) => holds === false)
    .map(({ name }) => name)

test('a run that meets its goals: what was before it was measured does not count', () => {
  const rows = rowsOf(options, run())
  expect(allHold(rows)).toBe(true)
  const textOf = (name: string) => rows.find((row) => row.name === name)?.text
  expect(textOf('sign-ins/s in the ramp')).toBe('500')
  expect(textOf('tick lateness p50, p99')).toBe('1.00 ms, 1.00 ms')
  expect(textOf('memory a player')).toBe('3,000 B (100.0 MB -> 103.0 MB); of the heap 1,000 B')
  expect(textOf('messages/s in, out')).toBe('2,000, 0')
  expect(textOf('processor: server, bots')).toBe('50 %, unknown of a core')
  expect(textOf('expected refusals')).toBe('room-full 2')
  expect(textOf("the bots' own lateness p99")).toBe('2.00 ms')
  const busy = rowsOf(options, run({ botLateness: times(30) })).at(-1)
  expect(busy?.text).toBe('30.0 ms: this machine is too busy to measure')
})

test('each goal that is missed makes the run fail', () => {
  expect(missed({ roundTrips: times(50) })).toEqual(['round trip p50, p99'])
  expect(missed({ roundTrips: { count: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 } })).toEqual([
    'round trip p50, p99'
  ])
  expect(missed({ errors: { ECONNRESET: 1 } })).toEqual(['errors'])
  expect(missed({ playing: [10, 20, 30] })).toEqual(['of them play, median'])
  // No tick, no figure
  expect(missed({ first: figures({ ticks: 400 }) })).toEqual(['tick lateness p50, p99'])
  const late = figures({ ticks: 400 }, [[6, 300]])
  expect(missed({ first: figures({ ticks: 100 }), last: late })).toEqual(['tick lateness p50, p99'])
  const empty = figures({ memory: { rss: 99_000_000, heapUsed: 0, external: 0, arrayBuffers: 0 } })
  expect(missed({ empty })).toEqual(['memory a player'])
  // And less than nothing is no measurement.
  const more = figures({ memory: { rss: 104_000_000, heapUsed: 0, external: 0, arrayBuffers: 0 } })
  expect(missed({ empty: more })).toEqual(['memory a player'])
})

test('bad guests are compared by medians', () => {
  const rounds = [10, 11, 90].map((p99Ms) => ({ quiet: times(p99Ms - 1), bad: times(p99Ms) }))
  const change = (rows: Row[]) => rows.find(({ name }) => name === 'change')
  expect(change(rowsOfRounds(rounds, {}, {}))).toMatchObject({ text: '+10 %', holds: true })
  const slower = rounds.map(({ quiet }) => ({ quiet, bad: times(quiet.p99Ms * 1.3) }))
  expect(change(rowsOfRounds(slower, {}, {}))).toMatchObject({ text: '+30 %', holds: false })
  const quicker = rounds.map(({ quiet }) => ({ quiet, bad: times(quiet.p99Ms / 2) }))
  expect(change(rowsOfRounds(quicker, {}, {}))).toMatchObject({ text: '-50 %', holds: true })
  expect(allHold(rowsOfRounds(rounds, { 'no answer': 1 }, {}))).toBe(false)
  expect([medianOf([]), medianOf([3]), medianOf([5, 1, 3]), medianOf([4, 1])]).toEqual([
    0, 3, 3, 2.5
  ])
})

test('the table has a column for each of measured, goal and holds', () => {
  expect(tableOf([{ name: 'errors', figure: 1, text: 'idle 1', goal: 'none', holds: false }])).toBe(
    '        measured  goal  holds\nerrors  idle 1    none  NO'
  )
})
