// Bundles program.mjs, and the same as CommonJS, by one bundler: arguments are its name, the folder
// with the tools, and the folder to bundle in. Each bundle has the package inside, except those in
// outside/, which leave it to Node: the bundler's own option for that.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [bundler, tools, folder] = process.argv.slice(2)
process.chdir(folder)
const resolve = (name) => createRequire(join(tools, 'package.json')).resolve(name)
const load = (name) => import(pathToFileURL(resolve(name)).href)
// Where the package goes, and the programs tried so. What require() becomes when it stays outside
// is each bundler's own affair.
const places = {
  inside: { external: [], sources: ['program.mjs', 'program.cjs'] },
  outside: { external: ['pollport'], sources: ['program.mjs'] }
}

/** Every warning is an error: a stranger would ask about it. */
function refuse(warnings) {
  if (warnings.length > 0) throw new Error(`${bundler} warns:\n${warnings.join('\n')}`)
}

const bundlers = {
  async esbuild() {
    const { build } = await load('esbuild')
    for (const [place, { external, sources }] of Object.entries(places)) {
      for (const source of sources) {
        for (const format of ['esm', 'cjs']) {
          // The program's own require('node:net') could not run there.
          if (format === 'esm' && source.endsWith('.cjs')) continue
          const outfile = `${place}/esbuild-${source.replace('.', '-')}.${format === 'esm' ? 'mjs' : 'cjs'}`
          const shared = {
            bundle: true,
            platform: 'node',
            logLevel: 'silent',
            entryPoints: [source]
          }
          const { warnings } = await build({ ...shared, format, external, outfile })
          // Its own remark that import.meta is empty in CommonJS: the package expects that.
          refuse(warnings.filter(({ id }) => id !== 'empty-import-meta').map(({ text }) => text))
        }
      }
    }
  },

  async webpack() {
    const { default: webpack } = await load('webpack')
    const shared = { mode: 'production', target: 'node20', context: folder }
    const of = (entry, place, module) => ({
      ...shared,
      entry: `./${entry}`,
      experiments: { outputModule: module },
      externals:
        place === 'inside' ? {} : { pollport: module ? 'module pollport' : 'commonjs pollport' },
      output: {
        path: join(folder, place),
        filename: `webpack-${entry.replace('.', '-')}.${module ? 'mjs' : 'cjs'}`,
        module
      }
    })
    const configurations = Object.entries(places).flatMap(([place, { sources }]) =>
      sources.flatMap((source) => [of(source, place, true), of(source, place, false)])
    )
    const stats = await new Promise((done, fail) => {
      webpack(configurations, (error, result) => (error ? fail(error) : done(result)))
    })
    if (stats.hasErrors() || stats.hasWarnings()) refuse([stats.toString({ colors: false })])
  },

  async rollup() {
    const { rollup } = await load('rollup')
    const { nodeResolve } = await load('@rollup/plugin-node-resolve')
    const { default: commonjs } = await load('@rollup/plugin-commonjs')
    for (const [place, { external, sources }] of Object.entries(places)) {
      for (const input of sources) {
        const warnings = []
        const bundle = await rollup({
          input,
          external,
          plugins: [nodeResolve({ preferBuiltins: true }), commonjs()],
          onwarn: (warning) => warnings.push(warning.message)
        })
        for (const [format, ending] of [
          ['es', 'mjs'],
          ['cjs', 'cjs']
        ])
          await bundle.write({
            format,
            file: `${place}/rollup-${input.replace('.', '-')}.${ending}`
          })
        refuse(warnings)
      }
    }
  },

  async vite() {
    const { build } = await load('vite')
    // What is built for Node leaves packages outside by itself.
    for (const place of Object.keys(places)) {
      const noExternal = place === 'inside' ? true : undefined
      for (const format of ['es', 'cjs']) {
        await build({
          root: folder,
          configFile: false,
          logLevel: 'warn',
          ssr: { noExternal },
          build: {
            ssr: 'program.mjs',
            outDir: `${place}/vite-${format}`,
            rollupOptions: {
              output: { format, entryFileNames: `program.${format === 'es' ? 'mjs' : 'cjs'}` }
            }
          }
        })
      }
    }
  }
}

await bundlers[bundler]()
