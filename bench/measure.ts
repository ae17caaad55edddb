// One run: starts a server on one core, lets the load generator measure it from another, and ends
// the server. Nothing of it is left behind.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { builtProgram } from './build.ts'
import { collectionFigures } from './collections.ts'
import { competitors } from './competitors.ts'
import { type Figures, percentile } from './figures.ts'
import type { Effort, Question, Role, Variant } from './question.ts'
import { Absence } from './report.ts'

const SERVER_CORE = 0
export const LOAD_CORE = 1

/** What the load generator prints: bench/load/main.c. */
interface Loaded {
  messages: number
  seconds: number
  cpuNs: number
  bytes: number
  lost: number
  latencyUs: { p50: number; p99: number; p999: number; max: number }
  residentBefore: number
  residentAfter: number
}

const running = new Set<ChildProcess>()

/** Ends what runs, at once; for when the benchmark itself is ended. */
export function killAll(): void {
  for (const child of running) child.kill('SIGKILL')
}

export async function measure(
  question: Question,
  variant: Variant,
  name: string,
  effort: Effort
): Promise<Figures> {
  const role = competitors[name].role ?? question.role
  const server = startServer(question, role, variant, name)
  try {
    const loaded = await load(question, role, variant, await server.port, server.pid, effort)
    return { ...figuresOf(question, loaded), ...server.figures(effort) }
  } finally {
    await server.end()
  }
}

function startServer(question: Question, role: Role, variant: Variant, name: string) {
  const { program, options = [] } = competitors[name]
  const command = [
    ...program(role, question.nodeOptions ?? []),
    role,
    ...options,
    ...argumentsOf({ bytes: variant.bytes, each: variant.each, hz: variant.hz })
  ]
  // Each of these becomes the next (exec), so that the child is the server: as many descriptors as
  // the system allows, an end with ours whatever ends us, one core.
  const shell = 'ulimit -n "$(ulimit -Hn)" && exec setpriv --pdeathsig KILL taskset -c "$@"'
  const child = start('sh', ['-c', shell, 'sh', String(SERVER_CORE), ...command])
  const complaints = text(child.stderr!)
  const lines: string[] = []
  const port = new Promise<number>((resolve, reject) => {
    createInterface(child.stdout!).on('line', (line) => {
      lines.push(line)
      if (line.startsWith('port ')) resolve(Number(line.slice('port '.length)))
      if (line.startsWith('absent ')) reject(new Absence(line.slice('absent '.length)))
    })
    child.on('error', reject)
    child.on('exit', async () =>
      reject(new Error(`${name} ended before it listened: ${await complaints}`))
    )
  })
  return {
    port,
    pid: child.pid!,
    figures: (effort: Effort): Figures => ({
      ...latenessFigures(lines, effort),
      ...collectionFigures(lines)
    }),
    end: () => end(child)
  }
}

async function load(
  question: Question,
  role: Role,
  variant: Variant,
  port: number,
  pid: number,
  effort: Effort
): Promise<Loaded> {
  const { connections, bytes, each, rate, active } = variant
  const args = argumentsOf({
    port,
    pid,
    core: LOAD_CORE,
    connections,
    bytes,
    each,
    rate,
    active,
    seconds: effort.seconds,
    'warm-up-seconds': effort.warmUpSeconds
  })
  if (role === 'tick') args.push('--ignore-extra')
  if (role.startsWith('ws')) args.push('--websocket')
  const child = start(builtProgram('load'), [variant.load ?? question.load, ...args])
  const [output, complaints, [code]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, 'exit')
  ])
  if (code !== 0) throw new Error(complaints.trim() || `the load generator ended with ${code}`)
  return JSON.parse(output)
}

function start(command: string, args: string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  child.on('exit', () => running.delete(child))
  return child
}

async function end(child: ChildProcess): Promise<void> {
  if (!running.has(child)) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

function argumentsOf(values: Record<string, number | undefined>): string[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, String(value)]
  )
}

function figuresOf(question: Question, loaded: Loaded): Figures {
  const { messages, seconds, cpuNs, bytes, latencyUs } = loaded
  if (messages === 0) throw new Error('not one message came back within the window')
  if (question.load === 'idle') {
    return { residentBytes: (loaded.residentAfter - loaded.residentBefore) / messages }
  }
  const figures: Figures = {
    cpuUs: cpuNs / messages / 1000,
    perSecond: messages / seconds,
    mbPerSecond: bytes / seconds / 1e6,
    cpuShare: cpuNs / 1e7 / seconds,
    p50Us: latencyUs.p50,
    p99Us: latencyUs.p99,
    p999Us: latencyUs.p999
  }
  if (question.role.startsWith('udp')) figures.lost = loaded.lost
  return figures
}

/**
 * Of a server that ticks: it tells once a second, and the last seconds are those that were
 * measured.
 */
function latenessFigures(lines: string[], effort: Effort): Figures {
  const told = lines.filter((line) => line.startsWith('lateness '))
  if (told.length === 0) return {}
  const windows = told
    .slice(-effort.seconds)
    .map((line) => JSON.parse(line.slice('lateness '.length)))
  const lateMs: number[] = windows.flatMap((window) => window.lateMs)
  return {
    lateP50Ms: percentile(lateMs, 0.5),
    lateP99Ms: percentile(lateMs, 0.99),
    lateMaxMs: Math.max(...lateMs),
    missed: windows.reduce((sum, window) => sum + window.missed, 0)
  }
}
