// Runs random programs in a child process, so that a crash or a hang is a failure like any other,
// and makes what failed small.
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { isWindows } from '../support/system.ts'
import { lineOf, programOf } from './operations.ts'
import { shrink } from './shrink.ts'
import type { Counts } from './world.ts'

export interface Program {
  seed: number
  /** How many operations the seed makes; `keep` are those that are done, by their places. */
  count: number
  keep?: readonly number[]
  /** How long what must come may take. */
  deadlineMs: number
}

interface Failure {
  message: string
  story: string
  /** How many operations were begun. */
  operations: number
}

export interface Answer {
  counts: Counts
  failure?: Failure
}

const PATIENCE_MS = 20_000
// While a failure is made small, what does not come is waited for once an attempt: only so long
// that the slowest answer of a loopback would have come.
const SHRINKING_PATIENCE_MS = isWindows ? 4000 : 2000
const SHRINKING_MS = 180_000
const script = fileURLToPath(new URL('child.ts', import.meta.url))
const nothing: Counts = {
  operations: 0,
  connections: 0,
  bytes: 0,
  datagrams: 0,
  messages: 0,
  events: 0
}

export class Player {
  #child: ChildProcess | undefined
  #output = ''

  /**
   * One program, with a clean world. A child that does not answer, or ends, has failed; the next
   * program gets another.
   */
  async play(program: Program): Promise<Answer> {
    this.#child ??= await this.#start()
    const child = this.#child
    const limitMs = program.deadlineMs * 3 + program.count * 20
    return new Promise((resolve) => {
      const done = (answer: Answer) => {
        clearTimeout(timer)
        child.removeAllListeners()
        resolve(answer)
      }
      const failed = (message: string) => {
        this.#child = undefined
        const operations = program.keep?.length ?? program.count
        done({ counts: nothing, failure: { message, story: this.#output, operations } })
      }
      const timer = setTimeout(() => {
        failed(`it blocked: no answer within ${limitMs} ms`)
        child.kill('SIGKILL')
      }, limitMs)
      child.once('message', (answer) => done(answer as Answer))
      child.once('exit', (code, signal) => failed(`the process ended: ${signal ?? code}`))
      child.send(program)
    })
  }

  /** A whole seed. A sentence with the smallest program, and how to run it again, if it failed. */
  async playSeed(seed: number, count: number): Promise<{ counts: Counts; report?: string }> {
    const { counts, failure } = await this.play({ seed, count, deadlineMs: PATIENCE_MS })
    if (failure === undefined) return { counts }
    const begun = Array.from({ length: failure.operations }, (_, index) => index)
    let last = failure
    const fails = async (keep: readonly number[]) => {
      const answer = await this.play({ seed, count, keep, deadlineMs: SHRINKING_PATIENCE_MS })
      if (answer.failure !== undefined) last = answer.failure
      return answer.failure !== undefined
    }
    const smallest = await shrink(begun, fails, SHRINKING_MS)
    const all = programOf(seed, count)
    const lines = smallest.map((index) => lineOf(all[index]))
    const again = `npm run model${isWindows ? ':windows' : ''} -- --seed ${seed} --operations ${count}`
    const small =
      last === failure
        ? `It did not fail a second time. The first time:\n${failure.story}`
        : `${lines.length} operations are enough for: ${last.message}\n  ${lines.join('\n  ')}\n\nWhat was seen last:\n${last.story}`
    return { counts, report: `${failure.message}\n(seed ${seed}; again: ${again})\n\n${small}` }
  }

  close(): void {
    this.#child?.removeAllListeners()
    this.#child?.kill('SIGKILL')
    this.#child = undefined
  }

  #start(): Promise<ChildProcess> {
    this.#output = ''
    const child = fork(script, { execArgv: ['--import', 'tsx'], silent: true })
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        this.#output = (this.#output + chunk).slice(-4000)
      })
    }
    return new Promise((resolve, reject) => {
      child.once('message', () => {
        child.removeAllListeners()
        resolve(child)
      })
      child.once('exit', (code) =>
        reject(new Error(`the child ended at once (${code}): ${this.#output}`))
      )
    })
  }
}
