// Takes the declarations out of dist/ that no entry of the package leads to: those of rooms inside,
// which no program can import, and which would be a third of them.
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { root } from './tools.mjs'

const dist = join(root, 'dist')
const needed = new Set()

function follow(path) {
  if (needed.has(path)) return
  needed.add(path)
  const text = readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '') // examples import, too
  for (const [, target] of text.matchAll(/['"](\.[^'"]*)\.ts['"]/g))
    follow(normalize(join(dirname(path), `${target}.d.ts`)))
}

for (const entry of ['index', 'websocket/index', 'simulation/index'])
  follow(join(dist, `${entry}.d.ts`))
for (const name of readdirSync(dist, { recursive: true })) {
  const path = join(dist, name)
  if (name.endsWith('.d.ts') && !needed.has(path)) rmSync(path)
}
