// Two network namespaces with a bad cable between them (relay.c), made by a test and gone after it.
// Does not depend on what is sent.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { type Child, startChild } from '../../support/child.ts'

/** Of one direction and one kind of packets, as the relay counted them. */
export interface Counters {
  /** 0: sent by `near`; 1: sent by `far`. */
  from: 0 | 1
  udp: boolean
  seen: number
  lost: number
  damaged: number
  doubled: number
  /** Delivered after one that came to the relay later. */
  reordered: number
  delivered: number
  /** The cable or the device was down when the packet would have been delivered. */
  refused: number
}

/** Chances are in a thousand. */
export interface Weather {
  loss?: number
  damage?: number
  duplicate?: number
  reorder?: number
  delayUs?: number
  jitterUs?: number
}

export const NEAR = '10.213.0.1'
export const FAR = '10.213.0.2'
const DEVICE = 'cable'
/**
 * A device that the relay does not empty in time drops what is more than this, 500 if nobody says,
 * and nobody counts it.
 */
const DEVICE_PACKETS = 10_000

/** Why there can be no such network here; false if there can. */
export function reasonAgainst(): string | false {
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  if (!existsSync('/dev/net/tun')) return 'this machine has no /dev/net/tun'
  try {
    const name = `pollport-${process.pid}-try`
    ip('netns', 'add', name)
    ip('netns', 'delete', name)
    return false
  } catch (error) {
    return `no network namespace can be made: ${(error as Error).message}`
  }
}

export function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

let made = 0

export class Network {
  readonly seed: number
  readonly #names: readonly [string, string]
  readonly #relay: ChildProcess
  readonly #answers: ((counters: Counters[]) => void)[] = []

  private constructor(names: readonly [string, string], relay: ChildProcess, seed: number) {
    this.#names = names
    this.#relay = relay
    this.seed = seed
    createInterface({ input: relay.stdout as NodeJS.ReadableStream }).on('line', (line) =>
      this.#answers.shift()?.(JSON.parse(line))
    )
  }

  /**
   * Both namespaces, each with one address on the cable, which is a good one until `weather()` says
   * otherwise.
   */
  static async open(seed: number): Promise<Network> {
    clearDead()
    const name = `pollport-${process.pid}-${++made}`
    const names = [`${name}-near`, `${name}-far`] as const
    const folder = mkdtempSync(join(tmpdir(), 'pollport-relay-'))
    onTestFinished(() => {
      for (const each of names) if (existsSync(`/run/netns/${each}`)) ip('netns', 'delete', each)
      rmSync(folder, { recursive: true })
    })
    const program = join(folder, 'relay')
    execFileSync('cc', ['-O2', '-o', program, fileURLToPath(new URL('./relay.c', import.meta.url))])
    for (const each of names) ip('netns', 'add', each)
    const relay = spawn(program, [...names, DEVICE, String(seed)], {
      stdio: ['pipe', 'pipe', 'inherit']
    })
    onTestFinished(() => void relay.kill('SIGKILL'))
    const network = new Network(names, relay, seed)
    await network.#answer()
    for (const [at, address] of [NEAR, FAR].entries()) {
      network.ip(at, 'addr', 'add', `${address}/24`, 'dev', DEVICE)
      network.ip(at, 'link', 'set', 'lo', 'up')
      network.ip(at, 'link', 'set', DEVICE, 'txqueuelen', String(DEVICE_PACKETS), 'up')
    }
    return network
  }

  /** `ip` inside of a namespace: 0 is near, 1 is far. */
  ip(at: number, ...args: string[]): string {
    return ip('-n', this.#names[at], ...args)
  }

  /** Takes the device of a side down, or up again. */
  link(at: 0 | 1, state: 'up' | 'down'): void {
    this.ip(at, 'link', 'set', DEVICE, state)
  }

  address(at: 0 | 1, action: 'add' | 'delete'): void {
    this.ip(at, 'addr', action, `${at === 0 ? NEAR : FAR}/24`, 'dev', DEVICE)
  }

  /**
   * Lets no more than so many bits a second out of a side's device; what comes faster waits in the
   * system, which holds it against its sender.
   */
  slow(at: 0 | 1, bitsPerSecond: number): void {
    const filter = ['tbf', 'rate', `${bitsPerSecond}bit`, 'burst', '5k', 'limit', '4m']
    execFileSync('tc', ['-n', this.#names[at], 'qdisc', 'add', 'dev', DEVICE, 'root', ...filter])
  }

  /** A value below /proc/sys/net/ of one namespace. */
  sysctl(at: 0 | 1, name: string, value: number): void {
    const path = `/proc/sys/net/${name.replaceAll('.', '/')}`
    execFileSync('nsenter', [...this.#enter(at), 'sh', '-c', `echo ${value} > ${path}`])
  }

  weather(weather: Weather): Promise<Counters[]> {
    return this.#order(`set ${Object.entries(weather).flat().join(' ')}`)
  }

  cut(): Promise<Counters[]> {
    return this.#order('cut')
  }

  mend(): Promise<Counters[]> {
    return this.#order('mend')
  }

  counters(): Promise<Counters[]> {
    return this.#order('count')
  }

  /** Starts end-point.mjs in a namespace. */
  start(at: 0 | 1, role: string, options: object = {}): Child {
    return startChild(new URL('./end-point.mjs', import.meta.url), {
      args: [role, JSON.stringify(options)],
      inside: ['nsenter', ...this.#enter(at)],
      deadlineMs: 90_000
    })
  }

  #enter(at: 0 | 1): string[] {
    return [`--net=/run/netns/${this.#names[at]}`, '--']
  }

  #order(line: string): Promise<Counters[]> {
    const answer = this.#answer()
    this.#relay.stdin?.write(`${line}\n`)
    return answer
  }

  #answer(): Promise<Counters[]> {
    return new Promise((resolve, reject) => {
      this.#answers.push(resolve)
      this.#relay.once('exit', (code) => reject(new Error(`the relay has ended with ${code}`)))
    })
  }
}

/** What runs that were killed have left. */
export function clearDead(): void {
  if (!existsSync('/run/netns')) return
  for (const name of readdirSync('/run/netns')) {
    const pid = /^pollport-(\d+)-/.exec(name)?.[1]
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue
    try {
      ip('netns', 'delete', name)
    } catch (error) {
      // Another test file, started together with this one, was quicker.
      if (existsSync(`/run/netns/${name}`)) throw error
    }
  }
}
