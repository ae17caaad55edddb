// A server for the length of a test, in a process of its own, and what it said.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Client, type Room } from '@colyseus/sdk'
import { onTestFinished } from 'vitest'
import type { Command, Settings, TransportName } from './settings.ts'

/** How long what does not come may be waited for. */
const DEADLINE_MS = 15_000

export class Serving {
  readonly child: ChildProcess
  /** What it said, in order. */
  readonly words: string[] = []
  /** What it printed. */
  output = ''
  port = 0
  address = ''
  #onWords: (() => void)[] = []

  constructor(settings: Settings) {
    this.child = fork(join(import.meta.dirname, 'program.ts'), [JSON.stringify(settings)], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: ['--disable-warning=ExperimentalWarning']
    })
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (chunk) => {
        this.output += chunk
      })
    this.child.on('message', (words: string) => {
      this.words.push(words)
      for (const onWords of this.#onWords.splice(0)) onWords()
    })
    this.child.on('exit', (code, signal) => {
      this.words.push(`exit ${signal ?? code}`)
      for (const onWords of this.#onWords.splice(0)) onWords()
    })
  }

  /** Waits until it says what begins so; gives what follows. */
  async heard(beginning: string, times = 1): Promise<string> {
    const end = Date.now() + DEADLINE_MS
    for (;;) {
      const found = this.words.filter((words) => words.startsWith(beginning))
      if (found.length >= times) return (found[times - 1] as string).slice(beginning.length).trim()
      const left = end - Date.now()
      if (left <= 0 || (this.child.exitCode ?? 0) !== 0)
        throw new Error(`'${beginning}' did not come, but ${this.words}\n${this.output}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#onWords.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  command(command: Command): void {
    this.child.send(command)
  }

  client(): Client {
    return new Client(`ws://127.0.0.1:${this.port}`)
  }

  /** The rooms' own events, without what the test asked the server. */
  get events(): string[] {
    return this.words.filter((words) => !/^(listening|exit|server|rooms|done) /.test(words))
  }

  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const exited = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await exited
  }
}

/** Starts a server, which listens when this returns, and ends with the test. */
export async function serve(
  transport: TransportName,
  settings: Omit<Settings, 'transport'> = {}
): Promise<Serving> {
  const serving = new Serving({ transport, ...settings })
  onTestFinished(() => serving.end())
  const [port, address] = (await serving.heard('listening')).split(' ')
  serving.port = Number(port)
  serving.address = address ?? ''
  return serving
}

/** The next message of a type that a client gets. */
export function message<T>(room: Room, type: string): Promise<T> {
  return new Promise((resolve) => {
    const stop = room.onMessage(type, (data: T) => {
      stop()
      resolve(data)
    })
  })
}

/** How a client leaves. */
export function left(room: Room): Promise<{ code: number; reason: string | undefined }> {
  return new Promise((resolve) => {
    room.onLeave((code, reason) => resolve({ code, reason }))
  })
}

/** Waits until something is so, which a change of the room's state may bring about. */
export async function until(sentence: string, isSo: () => boolean): Promise<void> {
  const end = Date.now() + DEADLINE_MS
  while (!isSo()) {
    if (Date.now() > end) throw new Error(`this did not come true: ${sentence}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
