// Starts a script of a test in a process of its own, with a deadline: a child that hangs is a
// sentence, and is gone afterwards. A script talks by process.send() (`{ mark, ... }`), and may
// wait at a mark until the test resumes it.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { onTestFinished, vi } from 'vitest'

export interface ChildEnd {
  code: number | null
  signal: NodeJS.Signals | null
  output: string
}

export interface ChildOptions {
  args?: string[]
  /** Options of Node itself. */
  nodeOptions?: string[]
  /** Beside the environment of the test. */
  env?: Record<string, string>
  /** The most descriptors that it may hold (POSIX shells only). */
  descriptors?: number
  /** A command that runs its arguments, for example in a namespace. */
  inside?: string[]
  deadlineMs?: number
}

/**
 * Option of V8 for tests that terminate many workers. Node 20 lets its platform forget a worker's
 * isolate before it disposes of it; a compilation in the background that needs memory in between
 * aborts the process ("ForIsolate ... (data.first) != nullptr"), whatever the worker did.
 */
export const NO_BACKGROUND_COMPILATION = '--no-concurrent-recompilation'

// A sanitizer slows a process down, and at its end looks through all of its memory; Wine slows down
// its start.
const LONG_MS = 60_000
// Twice that: when a child is late, its own deadline fails the test, with what the child said.
vi.setConfig({ testTimeout: 2 * LONG_MS })

export class Child {
  readonly process: ChildProcess
  readonly ended: Promise<ChildEnd>
  readonly #messages: Record<string, unknown>[] = []
  readonly #name: string
  #output = ''
  #end: ChildEnd | undefined
  #onChange = () => {}

  constructor(script: URL, options: ChildOptions = {}) {
    const {
      args = [],
      nodeOptions = [],
      env = {},
      descriptors,
      inside = [],
      deadlineMs = LONG_MS
    } = options
    this.#name = [script.pathname.split('/').at(-1), ...args].join(' ')
    let command = [process.execPath, ...nodeOptions, fileURLToPath(script), ...args]
    if (descriptors)
      command = ['sh', '-c', `ulimit -n ${descriptors} && exec "$@"`, 'sh', ...command]
    command = [...inside, ...command]
    const child = spawn(command[0], command.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...env }
    })
    this.process = child
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        this.#output += chunk
      })
    }
    child.on('message', (message) => {
      this.#messages.push(message as Record<string, unknown>)
      this.#onChange()
    })
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      child.kill('SIGKILL')
    }, deadlineMs)
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => {
        clearTimeout(timer)
        this.#end = { code, signal, output: this.#output }
        this.#onChange()
        if (isLate)
          reject(
            new Error(
              `the child "${this.#name}" was still there after ${deadlineMs} ms and was killed. ${this.#said()}`
            )
          )
        else resolve(this.#end)
      })
    })
    // The code that awaits it gets the error; a test that failed before does not need a second
    // report.
    this.ended.catch(() => {})
  }

  /**
   * The next message with this mark. Fails when the child ends without it, or when it takes too
   * long.
   */
  async at(mark: string, deadlineMs = LONG_MS): Promise<Record<string, unknown>> {
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      this.#onChange()
    }, deadlineMs)
    try {
      for (;;) {
        const found = this.#messages.findIndex((message) => message.mark === mark)
        if (found !== -1) return this.#messages.splice(found, 1)[0]
        if (this.#end)
          throw new Error(
            `the child "${this.#name}" ended (${this.#end.code ?? this.#end.signal}) before "${mark}". ${this.#said()}`
          )
        if (isLate)
          throw new Error(
            `the child "${this.#name}" did not come to "${mark}" within ${deadlineMs} ms. ${this.#said()}`
          )
        await new Promise<void>((resolve) => {
          this.#onChange = resolve
        })
      }
    } finally {
      clearTimeout(timer)
    }
  }

  /** Resumes a child that waits at a mark. */
  go(message: object = {}): void {
    this.process.send(message)
  }

  #said(): string {
    return `It said: ${this.#output || 'nothing'}`
  }
}

/** Starts a script with which the test talks; it is gone when the test ends. */
export function startChild(script: URL, options?: ChildOptions): Child {
  const child = new Child(script, options)
  onTestFinished(() => void child.process.kill('SIGKILL'))
  return child
}

/**
 * Runs a script to its end. Its own deadline ends it, so that concurrent tests may do this: vitest
 * cannot tell to which of them a hook would belong.
 */
export function runChild(script: URL, options?: ChildOptions): Promise<ChildEnd> {
  return new Child(script, options).ended
}
