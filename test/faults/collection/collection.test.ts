// The promises hold, and nothing crashes, although memory is collected, and what lives in it moved,
// between any two calls into native code.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))

test('the tests of test/promises/ pass with a collection before and after each native call', {
  timeout: 400_000
}, async () => {
  const { code, output } = await new Promise<{ code: unknown; output: string }>((resolve) => {
    const vitest = join(root, 'node_modules/vitest/vitest.mjs')
    const args = [
      vitest,
      'run',
      '--config',
      'test/faults/collection/vitest.config.ts',
      '--reporter',
      'dot'
    ]
    execFile(process.execPath, args, { cwd: root, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, output: stdout + stderr })
    })
  })
  expect(code, output).toBe(0)
  expect(output).toMatch(/Tests .* passed/)
})
