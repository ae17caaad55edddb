// The addon takes Node-API from the program that loads it, whatever that is called: electron.exe,
// bun.exe and deno.exe are no node.exe.
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'

test('the addon loads into a host that is not called node.exe', { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'pollport-host-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const host = join(folder, 'host.exe')
  copyFileSync(process.execPath, host)
  const program = "const p = new (require('pollport').Poller)(); console.log(p.backend); p.close()"
  const output = execFileSync(host, ['-e', program], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    // No other node.exe is to be found.
    env: { ...process.env, PATH: folder, Path: folder }
  })
  expect(output.trim()).toBe('iocp')
})
