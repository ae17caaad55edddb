// Runs the tests on Windows' node.exe under Wine, on Linux, from a fresh clone:   npm run test:windows [-- --node 24] [vitest arguments…]
// Ends with Vitest's exit code. What Wine shows and what it cannot is told in CONTRIBUTING.md.

import { fail } from './tools.mjs'
import { nodeLines, prepareLab, runInLab } from './windows-lab.mjs'

const args = process.argv.slice(2)
let line = '20'
if (args[0] === '--node') {
  ;[, line] = args.splice(0, 2)
  if (!nodeLines.includes(line)) fail(`--node takes one of ${nodeLines.join(', ')}`)
}
const lab = prepareLab(line)
console.log(`pollport: Vitest on Windows' Node ${line} under Wine`)
process.exit(await runInLab(lab, ['node_modules/vitest/vitest.mjs', 'run', ...args], { timeoutMs: 30 * 60_000 }))
