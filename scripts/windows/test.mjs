// Runs the tests on Windows' node.exe under Wine, on Linux, from a fresh clone: npm run
// test:windows [-- --node 24] [vitest arguments…] Ends with Vitest's exit code. What Wine shows and
// what it cannot is told in CONTRIBUTING.md.
import { takeNodeLine } from '../cache.mjs'
import { prepareCheckout, prepareLab, runInLab } from './lab.mjs'

const args = process.argv.slice(2)
const line = takeNodeLine(args) ?? '20'
const lab = prepareLab(line)
const checkout = prepareCheckout()
console.log(`pollport: Vitest on Windows' Node ${line} under Wine`)
const vitest = ['node_modules/vitest/vitest.mjs', 'run', ...args]
process.exit(await runInLab(lab, checkout, vitest, { timeoutMs: 20 * 60_000 }))
