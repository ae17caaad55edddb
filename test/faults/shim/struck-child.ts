// Starts a script whose addon meets the faults that the script itself asks for by control.mjs.
// Builds the shim for that, once a test file.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll } from 'vitest'
import { type Child, startChild } from '../../support/child.ts'
import { createControl } from './control.mjs'

let folder = ''
let children = 0

/** To be called by a test file that uses {@link startStruck}. */
export function withShim(): void {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'pollport-shim-'))
    const source = fileURLToPath(new URL('./shim.c', import.meta.url))
    const options = ['-shared', '-fPIC', '-O1', '-g', '-Wall', '-Wextra', '-Werror', '-fno-builtin']
    const { status, stderr } = spawnSync('cc', [
      ...options,
      '-o',
      join(folder, 'shim.so'),
      source,
      '-ldl'
    ])
    if (status !== 0) throw new Error(`the shim does not build: ${stderr}`)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
}

export function startStruck(script: URL, args: string[], deadlineMs: number): Child {
  const control = join(folder, `control-${children++}`)
  createControl(control)
  const env = { LD_PRELOAD: join(folder, 'shim.so'), POLLPORT_FAULTS_CONTROL: control }
  return startChild(script, { args, deadlineMs, env })
}
