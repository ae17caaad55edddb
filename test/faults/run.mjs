// npm run test:faults [-- --publish | whatever Vitest takes]: runs test/faults/, and tells how many
// faults were survived. `--publish` writes the figures into docs/reliability.md, after a whole run
// that passed.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { publish } from '../../scripts/figures.ts'
import { fail, needTools, root } from '../../scripts/tools.mjs'
import { tallied } from './tally.ts'

if (process.platform !== 'linux') fail('the fault lab needs Linux')
needTools({ cc: 'gcc', ip: 'iproute2', tc: 'iproute2', nsenter: 'util-linux' })

const given = process.argv.slice(2)
const rest = given.filter((argument) => argument !== '--publish')
const isPublished = rest.length < given.length
if (isPublished && rest.length > 0)
  fail('only a whole run is published: --publish takes no other argument')

const folder = mkdtempSync(join(tmpdir(), 'pollport-faults-'))
const tally = join(folder, 'tally')
writeFileSync(tally, '')
const vitest = [
  join(root, 'node_modules/vitest/vitest.mjs'),
  'run',
  '--config',
  'test/faults/vitest.config.ts',
  ...rest
]
const { status } = spawnSync(process.execPath, vitest, {
  cwd: root,
  stdio: 'inherit',
  // run() by a thread of ours: its system calls are what is made to fail here, not those of libuv.
  env: { ...process.env, POLLPORT_FAULTS_TALLY: tally, POLLPORT_RUN_BY_THREAD: '1' }
})
const rows = tallied(tally)
rmSync(folder, { recursive: true })

console.log('Faults survived:')
for (const [kind, count] of rows) console.log(`  ${kind}: ${count}`)
if (status === 0 && isPublished) {
  publish('faults', {
    table: 'Faults',
    column: 'Survived',
    command: 'npm run test:faults -- --publish',
    rows
  })
}
process.exitCode = status ?? 1
