// A folder for one test, which is removed after it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lobby-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}
