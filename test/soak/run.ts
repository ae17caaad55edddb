// The soak: npm run soak [-- --minutes 1.5 --leak bytes|descriptors --publish]. Servers of every
// kind under clients that come, go and check every byte, each in a process of its own. Fails if a
// byte is lost, if a descriptor stays, or if what a server holds surely grows by more than `bounds`
// say. The series and their picture are left in build-soak/. With --leak one server loses something
// on purpose, and the soak must fail.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { installExtras } from '../../bench/build.ts'
import { publish, type Row } from '../../scripts/figures.ts'
import { isWine } from '../support/system.ts'
import { grows, type Trend, trendOf } from './trend.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const out = join(root, 'build-soak')
const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1.5' },
    leak: { type: 'string' },
    publish: { type: 'boolean', default: false }
  }
})
const minutes = Number(options.minutes)
const SETTLE_MS = 30_000
// Each sample is taken after a collection, and under Wine a collection costs memory of its own:
// node.exe without the addon grows by 16 kB a gc() call. Once a second that is a megabyte a minute,
// which no leak could be told from; 90 samples are enough for the fit.
const sampleMs = isWine ? Math.max(1000, Math.round((minutes * 60_000) / 90)) : 1000
const TRY_OUT_SECONDS = 5
// Wine opens one for itself, sooner or later (docs/platforms.md).
const OF_THE_SYSTEM = isWine ? 1 : 0
const kinds = ['wait', 'run', 'hand-over', 'raw'] as const
// What fills in the beginning: caches, V8's spaces, malloc's arenas.
const WARM_UP = 1 / 3

/**
 * The most that a series may grow in a minute, with 95 % confidence. Buffers are counted after a
 * collection, and exact. V8's heap has its code too, which V8 goes on compiling for minutes; freed
 * memory stays in the resident set for use again: in a short run both say little.
 */
const KB = 1024
const isShort = minutes < 10
const bounds = {
  heapUsed: (isShort ? 512 : 60) * KB,
  external: 60 * KB,
  arrayBuffers: 60 * KB,
  native: (isShort ? 32 * 1024 : 256) * KB,
  rss: (isShort ? 32 * 1024 : 256) * KB,
  descriptors: 5
} as const
type Series = keyof typeof bounds
type Held = Record<Series | 'atMs' | 'sockets', number>

interface Server {
  readonly kind: (typeof kinds)[number]
  readonly child: ChildProcess
  readonly ports: Promise<{ tcp: number; udp?: number }>
  readonly samples: Held[]
  hasEnded: boolean
}

const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

function start(args: string[], onLine: (line: string) => void): ChildProcess {
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  children.add(child)
  child.on('exit', () => children.delete(child))
  createInterface({ input: child.stdout! }).on('line', onLine)
  return child
}

function startServer(kind: Server['kind']): Server {
  const leak = kind === 'wait' && options.leak !== undefined ? [`--leak-${options.leak}`] : []
  const samples: Held[] = []
  let tell: (ports: { tcp: number }) => void
  const ports = new Promise<{ tcp: number; udp?: number }>((resolve) => {
    tell = resolve
  })
  const file = fileURLToPath(new URL('servers.ts', import.meta.url))
  const child = start(
    ['--expose-gc', '--import', 'tsx', file, kind, String(sampleMs), ...leak],
    (line) => {
      const said = JSON.parse(line)
      if ('tcp' in said) tell(said)
      else samples.push(said)
    }
  )
  const server = { kind, child, ports, samples, hasEnded: false }
  child.on('exit', (code, signal) => {
    server.hasEnded = true
    if (signal !== 'SIGKILL') fail(`the server "${kind}" ended by itself (${code ?? signal})`)
  })
  return server
}

/** Waits for the next sample that says what is wanted, or for the deadline. */
async function sampleWith(
  server: Server,
  isWanted: (sample: Held) => boolean,
  deadlineMs: number
): Promise<Held | undefined> {
  const from = server.samples.length
  for (
    const end = performance.now() + deadlineMs;
    performance.now() < end && !server.hasEnded;
    await delay(100)
  ) {
    const found = server.samples.slice(from).find(isWanted)
    if (found !== undefined) return found
  }
  return server.samples.at(-1)
}

async function clients(seconds: number, places: string[]): Promise<Record<string, number>> {
  let last: Record<string, number> = {}
  const file = fileURLToPath(new URL('clients.mjs', import.meta.url))
  const child = start([file, String(seconds), ...places], (line) => {
    last = JSON.parse(line)
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  if (code !== 0) fail(`the clients ended with ${code}`)
  return last
}

/** Something that leaves nothing to measure. */
function fail(sentence: string): never {
  console.error(`soak: ${sentence}`)
  process.exit(1)
}

const failures: string[] = []
const require = (holds: boolean, sentence: string) => {
  if (!holds) failures.push(sentence)
}

const servers = kinds.map(startServer)
const places: string[] = []
for (const { ports } of servers) {
  const { tcp, udp } = await ports
  places.push(`tcp:${tcp}`, ...(udp === undefined ? [] : [`udp:${udp}`]))
}
// What is opened once, by the first connections or when many come at a time (threads of the
// system's pool), is no leak.
await clients(TRY_OUT_SECONDS, places)
const before = new Map<Server, Held | undefined>()
for (const server of servers)
  before.set(server, await sampleWith(server, ({ sockets }) => sockets <= 2, SETTLE_MS))
const startedMs = performance.now()
console.log(`soak: ${minutes} minutes, servers: ${kinds.join(', ')}`)
const starts = servers.map(({ samples }) => samples.length)
const done = await clients(minutes * 60, places)
const ends = servers.map(({ samples }) => samples.length)
const tookMinutes = Math.round((performance.now() - startedMs) / 6000) / 10

const figures: Row[] = [
  ['minutes', tookMinutes],
  ['connections', done.connections],
  ['of them reset', done.resets],
  ['messages', done.messages],
  ['bytes checked', done.bytes],
  ['bytes lost or wrong', done.lost + done.wrong],
  ['datagrams answered', done.datagrams],
  ['datagrams not answered in a second', done.datagramsLost]
]
require(done.lost === 0 &&
  done.wrong === 0, `${done.lost} bytes were lost, ${done.wrong} pieces were wrong`)
require(done.connections > 10 && done.bytes > 0, 'hardly anything happened')

let left = 0
const measured: { kind: string; samples: Held[] }[] = []
for (const [at, server] of servers.entries()) {
  const limit = (before.get(server)?.descriptors ?? 0) + OF_THE_SYSTEM
  const after = await sampleWith(server, ({ descriptors }) => descriptors <= limit, SETTLE_MS)
  const more = Math.max((after?.descriptors ?? 0) - limit, 0)
  left += more
  require(more === 0, `"${server.kind}" has ${more} descriptors more than before`)
  const samples = server.samples.slice(starts[at], ends[at])
  measured.push({ kind: server.kind, samples })
  const warm = samples.slice(Math.floor(samples.length * WARM_UP))
  for (const [series, bound] of Object.entries(bounds) as [Series, number][]) {
    const trend = trendOf(warm.map((sample) => ({ atMs: sample.atMs, value: sample[series] })))
    const text = shown(series, trend)
    console.log(`soak: ${server.kind}: ${series}: ${text}`)
    const most = bound / unitOf(series)
    require(!grows(
      trend,
      bound
    ), `"${server.kind}" grows: ${series} by ${text}, over ${most} a minute`)
    if (series === 'heapUsed' || series === 'rss')
      figures.push([`${server.kind}: ${series}, kB a minute`, text])
  }
  server.child.kill('SIGKILL')
}
figures.push(['descriptors left', left])

/** The slope and its range: memory in kB a minute, descriptors a minute. */
function shown(series: Series, { perMinute, low, high }: Trend): string {
  const [slope, least, most] = [perMinute, low, high].map((value) =>
    (value / unitOf(series)).toFixed(1)
  )
  return `${slope} (${least} to ${most})`
}

function unitOf(series: Series): number {
  return series === 'descriptors' ? 1 : KB
}

mkdirSync(out, { recursive: true })
writeFileSync(join(out, 'series.json'), JSON.stringify({ minutes: tookMinutes, figures, measured }))
for (const [what, figure] of figures) console.log(`soak: ${what}: ${figure}`)
if (options.publish) {
  const isWindows = process.platform === 'win32'
  const command = `npm run soak${isWindows ? ':windows' : ''} -- --minutes ${minutes} --publish`
  publish(`soak-${process.platform}`, {
    table: 'Soak',
    column: isWindows ? 'Windows' : 'Linux',
    command,
    rows: figures
  })
  if (!isWindows) draw()
}
for (const failure of failures) console.error(`soak: ${failure}`)
process.exit(failures.length > 0 ? 1 : 0)

/** By the program of the benchmarks' charts, which installs what it needs. */
function draw(): void {
  installExtras()
  const program = join(root, 'bench', 'extras', 'soak-chart.mjs')
  const args = [program, join(out, 'series.json'), join(root, 'docs', 'reliability', 'soak.svg')]
  if (spawnSync(process.execPath, args, { stdio: 'inherit' }).status !== 0)
    failures.push('the chart was not drawn')
}
