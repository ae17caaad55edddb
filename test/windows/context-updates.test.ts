// A socket of AcceptEx or ConnectEx is made whole by one more call. Under Wine everything works without it, on Windows getpeername(), shutdown() and
// the options do not: so under Wine the calls are counted, in its own trace.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { isWine } from '../support/system.ts'

/** Drive Z: is the Unix side's root. */
const unixPath = (path: string) => path.replace(/^Z:/i, '').replaceAll('\\', '/')

test.runIf(isWine)(
  'I.13 SO_UPDATE_ACCEPT_CONTEXT and SO_UPDATE_CONNECT_CONTEXT are set once for each connection',
  {
    timeout: 40_000
  },
  async () => {
    const folder = mkdtempSync('Z:\\tmp\\pollport-')
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    // The trace goes to the standard error of the Unix process that Wine is: a shell of that side leads it into a file.
    const script = fileURLToPath(new URL('./five-connections.mjs', import.meta.url)).replaceAll('\\', '/')
    const command = 'WINEDEBUG=trace+winsock wine "$1" "$2" </dev/null >/dev/null 2>"$3/trace"; mv "$3/trace" "$3/done"'
    const started = ['/unix', '/bin/sh', '-c', command, 'sh', unixPath(process.execPath), script, unixPath(folder)]
    spawnSync('start.exe', started, { stdio: 'ignore' })
    // start.exe does not wait for a Unix process.
    const done = `${folder}\\done`
    for (const end = performance.now() + 30_000; !existsSync(done) && performance.now() < end; ) await delay(20)
    const calls = readFileSync(done, 'utf8')
      .split('\n')
      .filter((line) => /trace:winsock:setsockopt socket/.test(line))
    const count = (name: RegExp) => calls.filter((line) => name.test(line)).length
    expect(calls.length).toBeGreaterThan(0)
    expect(count(/SO_UPDATE_ACCEPT_CONTEXT|0x700b/)).toBe(10)
    expect(count(/SO_UPDATE_CONNECT_CONTEXT|0x7010/)).toBe(10)
  }
)
