// Makes a folder, with those above it. Node's own `recursive` goes round for ever where the system
// says that a folder is missing which is there, as /proc does.
import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

/** Throws the system's error. A folder that is there already is none. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    const above = dirname(path)
    if (code !== 'ENOENT' || existsSync(above)) throw error
    makeFolder(above)
    mkdirSync(path)
  }
}
