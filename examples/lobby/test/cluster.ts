// A lobby of several real processes, as operators start them: nodes by the command, and what each
// of them says at its operators' port. Depends on no test runner.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Directory } from '../cluster/directory.ts'
import { RedisDirectory } from '../cluster/redis-directory.ts'
import type { PersonPage, RoomPage } from '../rules/details.ts'
import type { MatchRecord } from '../rules/records.ts'
import type { ServerFigures } from '../server/server-figures.ts'
import { openStore } from '../server/store.ts'

const folder = fileURLToPath(new URL('..', import.meta.url))
const TOKEN = 'a-token-of-the-tests-of-clusters'
const START_MS = 60_000
/** How long an operators' port may take to answer, before its node counts as silent. */
const ANSWER_MS = 2_000
/** How long a node may take to end, also one that drains. */
const END_MS = 60_000
const MATCHES = 10_000
const MOST_STOPS = 1_000
/** Numbers of epoll_wait, epoll_pwait and epoll_pwait2, of the kernel's tables of its calls. */
const WAITS_OF: Partial<Record<NodeJS.Architecture, readonly string[]>> = {
  x64: ['232', '281', '441'],
  arm64: ['22', '441']
}

/** Where players reach a node. */
export interface Door {
  host: string
  port: number
}

export interface NodeOptions {
  /** A command that runs its arguments, for example in a namespace or with another clock. */
  inside?: string[]
  env?: Record<string, string>
  /** The address of the node itself, on all of its ports. */
  host?: string
  flags?: string[]
}

/** By proc_pid_stat(5): the third field, behind a name that may have spaces. */
function isStopped(pid: number): boolean {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].startsWith('T')
}

/** By proc_pid_syscall(5): the call that the main thread is in. */
function waits(pid: number): boolean {
  const [call] = readFileSync(`/proc/${pid}/syscall`, 'utf8').split(' ')
  return WAITS_OF[process.arch]?.includes(call) === true
}

/** Settings as flags: `{ 'lease-ms': 4000 }`. */
export function flagsOf(settings: Record<string, string | number>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
}

/** One process of the lobby. */
export class ClusterNode implements Door {
  readonly id: string
  readonly host: string
  readonly store: string
  readonly process: ChildProcess
  port = 0
  output = ''
  #operators = ''

  private constructor(id: string, store: string, host: string, process: ChildProcess) {
    this.id = id
    this.store = store
    this.host = host
    this.process = process
    process.stdout?.on('data', (data) => {
      this.output += data
    })
    process.stderr?.on('data', (data) => {
      this.output += data
    })
  }

  /** Fulfilled when it is open. */
  static async start(
    id: string,
    cluster: string,
    store: string,
    { inside = [], env = {}, host = '127.0.0.1', flags = [] }: NodeOptions
  ): Promise<ClusterNode> {
    const settings = {
      ...{ port: 0, 'udp-port': 0, 'web-port': 0, 'operator-port': 0, 'node-port': 0 },
      ...{ host, 'operator-host': host, 'node-host': host, 'operator-token': TOKEN },
      ...{ cluster, node: id, store, 'log-level': 'info' }
    }
    const [command, ...args] = [
      ...inside,
      ...[process.execPath, '--import', 'tsx', 'main.ts'],
      ...flagsOf(settings),
      ...flags
    ]
    const child = spawn(command, args, {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe']
    })
    const node = new ClusterNode(id, store, host, child)
    const deadlineMs = performance.now() + START_MS
    for (;;) {
      const port = / is open on \S+:(\d+)/.exec(node.output)?.[1]
      const operators = /operators:\s+(http:\S+)\//.exec(node.output)?.[1]
      if (port !== undefined && operators !== undefined) {
        node.port = Number(port)
        node.#operators = operators
        return node
      }
      if (node.hasEnded || performance.now() > deadlineMs) {
        child.kill('SIGKILL')
        throw new Error(`node ${id} did not open: ${node.output}`)
      }
      await delay(10)
    }
  }

  get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null
  }

  /** Kills it, and waits until it is gone. */
  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.hasEnded) return
    const ended = once(this.process, 'exit')
    this.process.kill(signal)
    const deadline = setTimeout(() => this.process.kill('SIGABRT'), END_MS)
    await ended
    clearTimeout(deadline)
    if (this.process.signalCode === 'SIGABRT')
      throw new Error(`node ${this.id} did not end: ${this.output}`)
  }

  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal)
  }

  /**
   * Stops it while it waits for events: what it is about to send when it is stopped elsewhere, it
   * sends when it goes on, and no look at its lease can prevent that. Linux alone.
   */
  async stopBetweenTurns(): Promise<void> {
    if (WAITS_OF[process.arch] === undefined)
      throw new Error(`the numbers of system calls are not known for ${process.arch}`)
    for (let tries = 0; tries < MOST_STOPS; tries++) {
      this.signal('SIGSTOP')
      while (!isStopped(this.process.pid as number)) await delay(1)
      if (waits(this.process.pid as number)) return
      this.signal('SIGCONT')
      await delay(3)
    }
    throw new Error(`node ${this.id} never waits for events`)
  }

  /** undefined: it does not answer. */
  async get<T>(path: string): Promise<T | undefined> {
    try {
      const answer = await fetch(`${this.#operators}${path}`, {
        headers: { authorization: `Bearer ${TOKEN}` },
        signal: AbortSignal.timeout(ANSWER_MS)
      })
      return answer.ok ? ((await answer.json()) as T) : undefined
    } catch {
      return undefined
    }
  }

  async post(action: string, body: object): Promise<void> {
    const answer = await fetch(`${this.#operators}/admin/${action}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(body)
    })
    if (!answer.ok) throw new Error(`${action}: ${await answer.text()}`)
  }

  figures(): Promise<ServerFigures | undefined> {
    return this.get<ServerFigures>('/figures')
  }

  /** The names of all players that live here; undefined: it does not answer. */
  async players(): Promise<string[] | undefined> {
    const names: string[] = []
    for (;;) {
      const page = await this.get<PersonPage>(`/admin/players?from=${names.length}`)
      if (page === undefined) return undefined
      names.push(...page.players.map(({ name }) => name))
      if (names.length >= page.total || page.players.length === 0) return names
    }
  }

  /** The names of all rooms that it owns; undefined: it does not answer. */
  async rooms(): Promise<string[] | undefined> {
    const names: string[] = []
    for (;;) {
      const page = await this.get<RoomPage>(`/rooms?from=${names.length}`)
      if (page === undefined) return undefined
      names.push(...page.rooms.map(({ name }) => name))
      if (names.length >= page.total || page.rooms.length === 0) return names
    }
  }
}

/** Some nodes over one Redis. */
export class Cluster {
  readonly url: string
  /** In the order in which they were started first. */
  readonly nodes = new Map<string, ClusterNode>()
  readonly #flags: string[]
  readonly #folder = mkdtempSync(join(tmpdir(), 'lobby-cluster-'))

  /** `settings` are those of every node. */
  constructor(url: string, settings: Record<string, string | number> = {}) {
    this.url = url
    this.#flags = flagsOf(settings)
  }

  /** Starts a node, or starts it again, with the same disk. */
  async start(id: string, options: NodeOptions & { url?: string } = {}): Promise<ClusterNode> {
    const flags = [...this.#flags, ...(options.flags ?? [])]
    const { url = this.url } = options
    const store = join(this.#folder, id)
    const node = await ClusterNode.start(id, url, store, { ...options, flags })
    this.nodes.set(id, node)
    return node
  }

  /** Several at once. */
  async startAll(ids: readonly string[], options: NodeOptions = {}): Promise<ClusterNode[]> {
    return await Promise.all(ids.map((id) => this.start(id, options)))
  }

  node(id: string): ClusterNode {
    const node = this.nodes.get(id)
    if (node === undefined) throw new Error(`no node ${id}`)
    return node
  }

  /** Those that run. */
  get living(): ClusterNode[] {
    return [...this.nodes.values()].filter(({ hasEnded }) => !hasEnded)
  }

  /** What is on the disks of nodes that have ended: all matches, by node. */
  async kept(): Promise<Map<string, MatchRecord[]>> {
    const all = new Map<string, MatchRecord[]>()
    for (const { id, store } of this.nodes.values()) {
      const disk = await openStore(store)
      all.set(id, await disk.recent(MATCHES))
      await disk.close()
    }
    return all
  }

  /** What the nodes know together, as one node more sees it. To be left and closed. */
  async openDirectory(): Promise<Directory> {
    const nothing = () => {}
    const directory = new RedisDirectory({
      url: this.url,
      events: { listings: nothing, chat: nothing, order: nothing },
      randomBytes
    })
    await directory.opened
    const journal = `memory ${randomBytes(8).toString('hex')}`
    const addresses = { address: '127.0.0.1:1', operatorAddress: '127.0.0.1:1' }
    await directory.join({ id: 'looker', ...addresses, secret: randomBytes(32), journal })
    return directory
  }

  /** Ends the nodes in order: their stores are whole afterwards. */
  async stop(): Promise<void> {
    await Promise.all(this.living.map((node) => node.end('SIGINT')))
  }

  /** However it went: no process and no file stays. */
  async close(): Promise<void> {
    await Promise.all(this.living.map((node) => node.end('SIGKILL')))
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
