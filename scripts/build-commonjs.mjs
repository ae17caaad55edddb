// Makes dist/commonjs/ from lib/ and dist/: the package for those whose require() takes no ES
// module, such as Jest, and for programs that TypeScript checks as CommonJS. One file of code, and
// the declarations again, since TypeScript tells the kinds apart by their names. Node itself never
// loads it: there import and require give the same ES modules ("module-sync" in package.json).
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import { root } from './tools.mjs'

const target = join(root, 'dist', 'commonjs')
await build({
  absWorkingDir: root,
  entryPoints: ['lib/index.ts'],
  outfile: join(target, 'index.cjs'),
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  define: { 'import.meta.url': '__filename' },
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning'
})
for (const name of readdirSync(join(root, 'dist'), { recursive: true })) {
  if (!name.endsWith('.d.ts')) continue
  const text = readFileSync(join(root, 'dist', name), 'utf8')
  const file = join(target, name.replace(/\.ts$/, '.cts'))
  mkdirSync(dirname(file), { recursive: true })
  // './address.ts' stands for address.d.ts, './address.cts' for address.d.cts. The map would lead
  // nowhere.
  writeFileSync(
    file,
    text
      .replace(/(['"]\.[^'"]*)\.ts(['"])/g, '$1.cts$2')
      .replace(/^\/\/# sourceMappingURL=.*$/m, '')
  )
}
