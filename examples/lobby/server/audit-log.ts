// What operators did, one JSON object a line: in a file that is only ever appended to, and the last
// ones in memory. An entry is written before its action, so that no action goes without one.
import { appendFileSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { AuditEntry } from './server-figures.ts'

const SHOWN_ENTRIES = 200
/** Then the file is renamed to `….1`, which replaces the one before: two of them at most. */
const MAX_FILE_BYTES = 16 * 1024 * 1024

export class AuditLog {
  readonly #file: string | undefined
  readonly #maxFileBytes: number
  /** The newest last. */
  readonly #recent: AuditEntry[] = []
  #fileBytes = 0
  #problem: string | undefined

  /**
   * `file`: undefined keeps the entries in memory alone. Throws the system's error if the file
   * cannot be read.
   */
  constructor(file?: string, maxFileBytes = MAX_FILE_BYTES) {
    this.#file = file
    this.#maxFileBytes = maxFileBytes
    if (file === undefined) return
    mkdirSync(dirname(file), { recursive: true })
    const text = readIfThere(file)
    this.#fileBytes = Buffer.byteLength(text)
    const lines = text.split('\n').filter((line) => line !== '')
    for (const line of lines.slice(-SHOWN_ENTRIES)) {
      const entry = parse(line) // a line that a full disk has cut is left out
      if (entry !== undefined) this.#recent.push(entry)
    }
    // The next entry must not go on in the line that was cut
    if (text !== '' && !text.endsWith('\n')) appendFileSync(file, '\n')
  }

  /**
   * Why no operator can do anything now; undefined when the last entry was written. Then it tries
   * again, with an empty line, which readers pass over: there may be no other entry.
   */
  get problem(): string | undefined {
    if (this.#problem === undefined || this.#file === undefined) return undefined
    try {
      this.#append(this.#file, '\n')
    } catch {} // it has set the problem
    return this.#problem
  }

  /** Throws the system's error (`ENOSPC`, for example): then the action must not be done. */
  write(entry: AuditEntry): void {
    if (this.#file !== undefined) this.#append(this.#file, `${JSON.stringify(entry)}\n`)
    this.#recent.push(entry)
    if (this.#recent.length > SHOWN_ENTRIES) this.#recent.shift()
  }

  #append(file: string, line: string): void {
    try {
      const bytes = Buffer.byteLength(line)
      if (this.#fileBytes + bytes > this.#maxFileBytes && this.#fileBytes > 0) {
        renameSync(file, `${file}.1`)
        this.#fileBytes = 0
      }
      appendFileSync(file, line, { mode: 0o600 })
      this.#fileBytes = statSync(file).size
      this.#problem = undefined
    } catch (error) {
      this.#problem = (error as Error).message
      throw error
    }
  }

  /** The newest first. */
  recent(): AuditEntry[] {
    return this.#recent.toReversed()
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

function parse(line: string): AuditEntry | undefined {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
