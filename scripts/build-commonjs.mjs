// Makes dist/commonjs/ from dist/: the package for those whose require() takes no ES module, such
// as Jest, and for programs that TypeScript checks as CommonJS. One file of code for each entry and
// one that they share, so that the classes of both are the same, and the declarations again, since
// TypeScript tells the kinds apart by their names. The code is readable as it stands and has no
// source maps. Node itself never loads it: there import and require give the same ES modules
// ("module-sync" in package.json).
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build, transform } from 'esbuild'
import { root } from './tools.mjs'

const target = join(root, 'dist', 'commonjs')
const options = {
  platform: 'node',
  target: 'node20.19',
  logLevel: 'warning'
}
// esbuild finds out what the entries share for ES modules only; CommonJS is made of that.
const { outputFiles } = await build({
  ...options,
  absWorkingDir: root,
  entryPoints: ['dist/index.js', 'dist/websocket/index.js', 'dist/simulation/index.js'],
  chunkNames: 'shared-[hash]',
  outdir: target,
  outbase: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  write: false
})
for (const { path, text } of outputFiles) {
  const file = path.replace(/\.js$/, '.cjs')
  const { code } = await transform(text, {
    ...options,
    format: 'cjs',
    define: { 'import.meta.url': '__filename' },
    sourcefile: path
  })
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, code.replace(/(require\("\.{1,2}\/[^"]*)\.js"\)/g, '$1.cjs")'))
}
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
