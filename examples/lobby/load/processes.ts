// The processes of a load run: the server on a core of its own, the bots on the others. Deals with
// processes, cores and descriptors; no rules, no figures.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BotsCommand, PhaseReport } from '../bots/bots.ts'
import type { BotFigures, BotReport } from '../bots/figures.ts'
import type { FleetOptions } from '../bots/fleet.ts'
import type { Mix } from '../bots/mix.ts'
import type { ServerFigures } from '../server/server-figures.ts'
import { freePort } from './free-port.ts'

const here = fileURLToPath(new URL('..', import.meta.url))
const START_MS = 30_000
const ANSWER_MS = 10_000
/** How long a process has to end by itself. */
const GRACE_MS = 5_000

/** A sentence for the person at the keyboard, instead of a stack trace. */
export class Mistake extends Error {}

const children = new Set<ChildProcess>()
// However this process ends, short of SIGKILL: no child stays.
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** The cores that this process may use, if the system can give each process its own. */
export function findCores(): number[] {
  if (process.platform !== 'linux' || spawnSync('taskset', ['--version']).status !== 0) return []
  const list =
    /Cpus_allowed_list:\s*(\S+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, at) => first + at)
  })
}

/**
 * Node's flags for the server, as in `npm start`. The young generation has its full size from the
 * start, which costs 40 MB at once. Fewer short-lived objects reach the old generation, so V8
 * seldom collects the whole heap, which delays a tick by tens of milliseconds on a core that V8's
 * threads share.
 */
const SERVER_NODE_FLAGS = ['--min-semi-space-size=16', '--max-semi-space-size=16']

/**
 * How a process is started: on which cores, all of them if there are none, and where its profile
 * goes.
 */
export interface Setting {
  cores: number[]
  profile: string | undefined
}

function start(
  nodeFlags: string[],
  script: string,
  args: string[],
  { cores, profile }: Setting,
  stdio: ('ignore' | 'pipe' | 'inherit' | 'ipc')[]
): ChildProcess {
  const profiling =
    profile === undefined
      ? []
      : ['--cpu-prof', `--cpu-prof-name=${basename(script)}.cpuprofile`, '--cpu-prof-dir', profile]
  const command = [process.execPath, ...nodeFlags, ...profiling, '--import', 'tsx', script, ...args]
  if (cores.length > 0) command.unshift('taskset', '-c', cores.join(','))
  const child = spawn(command[0], command.slice(1), { cwd: here, stdio })
  children.add(child)
  child.on('exit', () => children.delete(child))
  return child
}

async function stop(child: ChildProcess, ask: () => void): Promise<void> {
  if (!children.has(child)) return
  const killTimer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
  ask()
  await once(child, 'exit')
  clearTimeout(killTimer)
}

/**
 * Seconds of a processor that a process has used, with all its threads; undefined where the system
 * does not report it.
 */
function cpuSecondsOf(pid: number): number | undefined {
  try {
    // Fields 14 and 15 of proc_pid_stat(5), in ticks of a hundredth of a second; counted behind the
    // name, which may have spaces.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return undefined
  }
}

/** A Redis of the run's own, on a free port, which keeps nothing. */
export class RedisProcess {
  readonly url: string
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, url: string) {
    this.#child = child
    this.url = url
  }

  /** Throws a {@link Mistake} when it does not open. */
  static async start(): Promise<RedisProcess> {
    const port = await freePort()
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
    const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
    children.add(child)
    child.on('exit', () => children.delete(child))
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string) => reject(new Mistake(`redis-server ${why}.`))
      const deadline = setTimeout(() => fail('did not open'), START_MS)
      child.on('error', ({ message }) => fail(`could not be started, ${message}`))
      child.on('exit', (code, killedBy) => fail(`ended (${killedBy ?? code}) before it was open`))
      let said = ''
      child.stdout?.on('data', (data) => {
        if (said.length < 16_384) said += data
        if (!said.includes('Ready to accept connections')) return
        clearTimeout(deadline)
        resolve()
      })
    })
    return new RedisProcess(child, `redis://127.0.0.1:${port}`)
  }

  get cpuSeconds(): number | undefined {
    return cpuSecondsOf(this.#child.pid as number)
  }

  stop(): Promise<void> {
    return stop(this.#child, () => this.#child.kill('SIGTERM'))
  }
}

/** Where a server of {@link ServerProcess} is open. */
interface Doors {
  port: number
  webPort: number
  /** With the token, if the server made one. */
  operators: URL
}

export class ServerProcess {
  readonly port: number
  readonly webPort: number
  readonly #child: ChildProcess
  readonly #operators: URL

  private constructor(child: ChildProcess, { port, webPort, operators }: Doors) {
    this.#child = child
    this.port = port
    this.webPort = webPort
    this.#operators = operators
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** `flags` as of main.ts. Throws a {@link Mistake} when it does not open. */
  static async start(
    flags: string[],
    setting: Setting,
    signal: AbortSignal
  ): Promise<ServerProcess> {
    const child = start(SERVER_NODE_FLAGS, 'main.ts', flags, setting, ['ignore', 'pipe', 'inherit'])
    let said = ''
    const doors = await new Promise<Doors>((resolve, reject) => {
      const settle = () => {
        clearTimeout(deadline)
        signal.removeEventListener('abort', onAbort)
      }
      const giveUp = (why: Error) => {
        settle()
        child.kill('SIGKILL')
        reject(why)
      }
      const fail = (why: string) => giveUp(new Mistake(`The server ${why}: ${said}`))
      const deadline = setTimeout(() => fail('did not open'), START_MS)
      const onAbort = () => giveUp(signal.reason)
      signal.addEventListener('abort', onAbort)
      child.on('error', (error) => fail(`could not be started, ${error.message}`))
      child.on('exit', (code, killedBy) => fail(`ended (${killedBy ?? code}) before it was open`))
      child.stdout?.on('data', (data) => {
        // And from then on it is only read, so that the pipe does not fill
        if (said.length < 4_096) said += data
        const port = / is open on \S+:(\d+)/.exec(said)?.[1]
        const web = /browser:\s+(https?:\S+?)\/?\s/i.exec(said)?.[1]
        const operators = /operators:\s+(http:\S+)\s/i.exec(said)?.[1]
        if (port === undefined || web === undefined || operators === undefined) return
        settle()
        resolve({
          port: Number(port),
          webPort: Number(new URL(web).port),
          operators: new URL(operators)
        })
      })
    })
    return new ServerProcess(child, doors)
  }

  get hasEnded(): boolean {
    return !children.has(this.#child)
  }

  get cpuSeconds(): number | undefined {
    return cpuSecondsOf(this.pid)
  }

  async figures(): Promise<ServerFigures> {
    const token = this.#operators.searchParams.get('token')
    const answer = await fetch(new URL('/figures', this.#operators), {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(ANSWER_MS)
    })
    if (!answer.ok)
      throw new Mistake(`The server answered the request for its figures with ${answer.status}.`)
    return (await answer.json()) as ServerFigures
  }

  stop(): Promise<void> {
    return stop(this.#child, () => this.#child.kill('SIGINT'))
  }
}

export class BotsProcess {
  readonly #child: ChildProcess
  #last: BotReport | undefined
  #onPhase: ((figures: BotFigures) => void) | undefined

  constructor(options: FleetOptions, setting: Setting) {
    this.#child = start([], 'bots/bots.ts', [JSON.stringify(options)], setting, [
      'ignore',
      'inherit',
      'inherit',
      'ipc'
    ])
    this.#child.on('message', (message: BotReport | PhaseReport) => {
      if ('phase' in message) this.#onPhase?.(message.phase)
      else this.#last = message
    })
    this.#child.on('error', () => {}) // a send to one that has just ended: hasEnded reports it
  }

  get hasEnded(): boolean {
    return !children.has(this.#child)
  }

  get cpuSeconds(): number | undefined {
    return cpuSecondsOf(this.#child.pid as number)
  }

  /** Their last report; undefined in their first second. */
  get report(): BotReport | undefined {
    return this.#last
  }

  setMix(mix: Mix): void {
    this.#tell({ do: 'mix', mix })
  }

  /** What they have measured since the last call. */
  takePhase(): Promise<BotFigures> {
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => reject(new Mistake('The bots do not answer.')), ANSWER_MS)
      this.#onPhase = (figures) => {
        clearTimeout(deadline)
        resolve(figures)
      }
      this.#tell({ do: 'phase' })
    })
  }

  stop(): Promise<void> {
    return stop(this.#child, () => {
      if (this.#child.connected) this.#child.disconnect()
    })
  }

  #tell(command: BotsCommand): void {
    if (this.#child.connected) this.#child.send(command)
  }
}
