// npm runs this before it packs or publishes: refuses a package that lacks a target's binary, or
// what tsc makes. Strangers' installations run no scripts and often have no compiler, so such a
// package would install and not work. POLLPORT_PARTIAL=1 packs what there is; the pack check does
// so on a machine that cannot make every binary, and looks at what came of it.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { everyTarget } from './targets.mjs'
import { fail, root } from './tools.mjs'

const needed = ['dist/index.js', 'dist/commonjs/index.cjs', 'dist/websocket/index.js']
if (process.env.POLLPORT_PARTIAL !== '1')
  needed.push(...everyTarget.map((target) => `prebuilds/${target}`))
const lacking = needed.filter((path) => !existsSync(join(root, path)))
if (lacking.length > 0) {
  fail(
    `this package would lack ${lacking.join(', ')}. The binaries of all systems are gathered by .github/workflows/prebuild.yml; ` +
      "'npm run pack:check' packs and tries what this machine can make"
  )
}
