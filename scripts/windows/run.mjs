// Runs a program of the checkout on Windows' node.exe under Wine, on Linux: npm run windows [--
// --node 24] examples/lobby/main.ts arguments… Its ports on the loopback are Linux's too. Ctrl-C is
// the program's; a second one ends it. Ends with the program's exit code.
import { takeNodeLine } from '../cache.mjs'
import { fail } from '../tools.mjs'
import { prepareCheckout, prepareLab, runInLab } from './lab.mjs'

const args = process.argv.slice(2)
const line = takeNodeLine(args) ?? '20'
if (args.length === 0) fail('which program? For example: npm run windows -- examples/lobby/main.ts')
if (args[0].endsWith('.ts')) args.unshift('--import', 'tsx')
process.exit(await runInLab(prepareLab(line), prepareCheckout(), args, { passCtrlC: true }))
