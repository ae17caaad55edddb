// Runs the tests on Windows' node.exe under Wine, on Linux, from a fresh clone:   npm run test:windows [-- --node 24] [vitest arguments…]
// Ends with Vitest's exit code. What Wine shows and what it cannot is told in CONTRIBUTING.md.
import { prepareLab, runInLab, takeNodeLine } from './windows-lab.mjs'

const args = process.argv.slice(2)
const line = takeNodeLine(args)
const lab = prepareLab(line)
console.log(`pollport: Vitest on Windows' Node ${line} under Wine`)
process.exit(await runInLab(lab, ['node_modules/vitest/vitest.mjs', 'run', ...args], { timeoutMs: 20 * 60_000 }))
