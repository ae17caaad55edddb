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
  for (const [, target, ending] of text.matchAll(/['"](\.{1,2}\/[^'"]*?)(\.\w+)?['"]/g)) {
    if (ending !== '.ts')
      throw new Error(`${path} names '${target}${ending ?? ''}', which is no .ts`)
    follow(normalize(join(dirname(path), `${target}.d.ts`)))
  }
}

/** The declarations of every entry; those of dist/commonjs/ are made of them afterwards. */
function entriesOf(exported) {
  if (typeof exported !== 'object' || exported === null) return []
  const { types = '', ...rest } = exported
  const own = types.endsWith('.d.ts') ? [join(root, types)] : []
  return [...own, ...Object.values(rest).flatMap(entriesOf)]
}

const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const entries = entriesOf(exports)
if (entries.length === 0) throw new Error("package.json's exports have no types")
for (const entry of entries) follow(entry)
for (const name of readdirSync(dist, { recursive: true })) {
  const path = join(dist, name)
  if (name.endsWith('.d.ts') && !needed.has(path)) rmSync(path)
}
