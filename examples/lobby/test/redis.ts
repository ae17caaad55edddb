// A redis-server of a test's own: on a free port of this machine, in a folder that goes with it.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../load/free-port.ts'

/** REDIS_SERVER is another one, for example valkey-server. */
const PROGRAM = process.env.REDIS_SERVER ?? 'redis-server'
const STARTS_WITHIN_MS = 20_000
/** In memory: it outlives the process, and no busy disk makes Redis slow. */
const FOLDERS = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** Why there is none here; undefined if there is one. */
export const whyNoRedis: string | undefined =
  spawnSync(PROGRAM, ['--version'], { timeout: 10_000 }).status === 0
    ? undefined
    : `there is no ${PROGRAM}; Debian's package redis-server has one`

export interface RedisOptions {
  /** Default: 127.0.0.1. */
  host?: string
  /** What runs the server, for example in a network of its own; default: nothing does. */
  inside?: readonly string[]
  /** Default: a free one. */
  port?: number
  /** Default: a temporary one, which goes when it stops. */
  dir?: string
  /** Whether each change is on disk before it is answered. Default: nothing is kept. */
  save?: boolean
}

export interface TestRedis {
  readonly port: number
  readonly url: string
  /** Of the process that runs now. */
  readonly pid: number
  /** SIGSTOP and SIGCONT too. Fulfilled by an end of the process only when it has ended. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** After an end, or with one by SIGKILL: on the same port. Without data its folder is emptied. */
  restart(withData: boolean): Promise<void>
  /** Ends it by SIGKILL, and removes its folder. */
  stop(): Promise<void>
}

export async function startRedis(options: RedisOptions = {}): Promise<TestRedis> {
  const port = options.port ?? (await freePort())
  const dir = options.dir ?? mkdtempSync(join(FOLDERS, 'lobby-redis-'))
  const { host = '127.0.0.1' } = options
  let redis = await start(port, dir, options)

  async function kill(signal: NodeJS.Signals): Promise<void> {
    if (redis.exitCode !== null || redis.signalCode !== null) return
    const ends = signal !== 'SIGSTOP' && signal !== 'SIGCONT'
    const exited = ends ? once(redis, 'exit') : undefined
    redis.kill(signal)
    await exited
  }

  return {
    port,
    url: `redis://${host}:${port}`,
    get pid() {
      return redis.pid as number
    },
    kill,
    async restart(withData) {
      await kill('SIGKILL')
      if (!withData) rmSync(join(dir, 'appendonlydir'), { recursive: true, force: true })
      redis = await start(port, dir, options)
    },
    async stop() {
      await kill('SIGKILL')
      if (options.dir === undefined) rmSync(dir, { recursive: true, force: true })
    }
  }
}

async function start(
  port: number,
  dir: string,
  { host = '127.0.0.1', inside = [], save = false }: RedisOptions
): Promise<ChildProcess> {
  const settings: Record<string, string> = {
    port: String(port),
    bind: host,
    // Without a password it answers loopback alone, unless it is told otherwise.
    'protected-mode': 'no',
    dir,
    save: '', // no snapshots
    appendonly: save ? 'yes' : 'no',
    appendfsync: 'always'
  }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  const [program, ...rest] = [...inside, PROGRAM, ...args]
  const redis = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  const ready = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no Redis in time: ${said}`)), STARTS_WITHIN_MS)
    const hear = (chunk: Buffer) => {
      said += chunk
      if (!said.includes('Ready to accept connections')) return
      clearTimeout(timer)
      resolve()
    }
    redis.stdout.on('data', hear)
    redis.stderr.on('data', hear)
    redis.once('error', reject)
    redis.once('exit', () => reject(new Error(`Redis has ended: ${said}`)))
  })
  try {
    await ready
  } catch (error) {
    redis.kill('SIGKILL')
    throw error
  }
  redis.stdout.removeAllListeners('data').resume()
  redis.stderr.removeAllListeners('data').resume()
  return redis
}
