// Where a person's client keeps its accounts: a file in their home, for each server one. The token
// is the account, so that nobody else may read the file.
import { readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

export class KeptAccounts {
  readonly #file: string

  constructor(file: string = join(homedir(), '.pollport-lobby.json')) {
    this.#file = file
  }

  /** undefined: none yet, or the file cannot be read. */
  of(server: string): string | undefined {
    const account = this.#all()[server]
    return typeof account === 'string' ? account : undefined
  }

  /** Returns why not, if it cannot be kept. */
  keep(server: string, account: string): string | undefined {
    if (this.of(server) === account) return undefined
    try {
      const text = JSON.stringify({ ...this.#all(), [server]: account }, null, 2)
      writeFileSync(this.#file, `${text}\n`, { mode: 0o600 })
    } catch (error) {
      return (error as Error).message
    }
    return undefined
  }

  #all(): Record<string, unknown> {
    try {
      const value: unknown = JSON.parse(readFileSync(this.#file, 'utf8'))
      return typeof value === 'object' && value !== null ? { ...value } : {}
    } catch {
      return {} // there is none yet, or somebody has edited it
    }
  }
}
