// What Wine's own trace says of a program's calls: for what Windows needs and Wine does without, so
// that no result could show it.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

/** Drive Z: is the Unix side's root. */
const unixPath = (path: string) => path.replace(/^Z:/i, '').replaceAll('\\', '/')

/**
 * Runs the program and gives the lines of the channels' trace (`WINEDEBUG`: `trace+winsock`, …), in
 * the order of the calls.
 */
export async function traceOf(program: URL, channels: string): Promise<string[]> {
  const folder = mkdtempSync('Z:\\tmp\\pollport-')
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  // The trace goes to the standard error of the Unix process that Wine is: a shell of that side
  // leads it into a file.
  const script = fileURLToPath(program).replaceAll('\\', '/')
  const command = `WINEDEBUG=${channels} wine "$1" "$2" </dev/null >/dev/null 2>"$3/trace"; mv "$3/trace" "$3/done"`
  const started = [
    '/unix',
    '/bin/sh',
    '-c',
    command,
    'sh',
    unixPath(process.execPath),
    script,
    unixPath(folder)
  ]
  spawnSync('start.exe', started, { stdio: 'ignore' })
  // start.exe does not wait for a Unix process.
  const done = `${folder}\\done`
  for (const end = performance.now() + 30_000; !existsSync(done) && performance.now() < end; )
    await delay(20)
  return readFileSync(done, 'utf8').split('\n')
}
