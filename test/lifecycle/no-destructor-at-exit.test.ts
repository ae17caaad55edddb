// Static objects die when the process exits, while other threads still run: none of the addon's may
// have a destructor. A compiler registers those with atexit, which the object files show. For
// Windows' sources `npm run tidy` holds the same by a warning of clang.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root, textOf } from '../house/files.ts'

const objects = join(root, 'build', 'Release', 'obj.target', 'pollport')
const canLook = existsSync(objects) && spawnSync('nm', ['--version']).status === 0

// An addon that came prebuilt has no object files, and Microsoft's compiler writes others.
test.skipIf(!canLook)('L.3 no static object of the addon has a destructor', () => {
  const files = readdirSync(objects, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.o')
  )
  expect(files.length).toBeGreaterThan(10)
  const findings = files.filter((file) =>
    /\b(__cxa_)?atexit\b/.test(
      execFileSync('nm', ['--undefined-only', join(objects, file)], { encoding: 'utf8' })
    )
  )
  expect(findings).toEqual([])
})

test('L.3 npm run tidy asks clang for destructors at exit, in the sources of both systems', () => {
  expect(textOf('.clang-tidy')).toContain('clang-diagnostic-exit-time-destructors')
  expect(textOf('scripts/tidy.mjs')).toContain('-Wexit-time-destructors')
})
