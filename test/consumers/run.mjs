// npm run test:consumers [-- --tarball FOLDER]: what strangers do with the packed package. Compiles
// against it with every TypeScript that it promises, bundles a program with each bundler and runs
// the bundles, and requires it in Jest. Without --tarball it packs this checkout as it is built.
// The strangers' tools come from npm, once for a machine, and are no development packages of the
// project.
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { makeOnce, temporaryFolder } from '../../scripts/cache.mjs'
import { packCheckout } from '../../scripts/pack-checkout.mjs'
import { fail, npm } from '../../scripts/tools.mjs'

const { values: options } = parseArgs({ options: { tarball: { type: 'string' } } })

// Change it with what follows: each has a folder of its own in the cache.
const recipe = 2
const typescripts = {
  5.3: '5.3.3', // the first that Node 20's @types/node takes
  5.4: '5.4.5',
  5.5: '5.5.4',
  5.6: '5.6.3',
  5.7: '5.7.3',
  5.8: '5.8.3',
  5.9: '5.9.3',
  '6.0': '6.0.3',
  '7.0': '7.0.2'
}
// Those are tried with every way to resolve, the others with one.
const wholly = ['5.3', '5.9', '6.0', '7.0']
const nodeTypes = { 20: '20.19.43', 26: '26.6.7' } // the second takes TypeScript 5.6 and later
const others = {
  '@rollup/plugin-commonjs': '29.0.3',
  '@rollup/plugin-node-resolve': '16.0.3',
  esbuild: '0.28.2',
  jest: '30.5.2',
  rollup: '4.68.8',
  vite: '8.4.0',
  webpack: '5.113.0'
}

const tools = makeOnce(
  `consumers-${recipe}`,
  "fetching the consumers' compilers and bundlers (npm, once)",
  (folder) => {
    const install = (place, dependencies) => {
      mkdirSync(place, { recursive: true })
      writeFileSync(join(place, 'package.json'), JSON.stringify({ private: true, dependencies }))
      const flags = ['--ignore-scripts', '--no-audit', '--no-fund']
      npm(['install', ...flags], "npm could not fetch the consumers' tools", { cwd: place })
    }
    const compilers = Object.entries(typescripts).map(([line, version]) => [
      `ts-${line}`,
      `npm:typescript@${version}`
    ])
    install(folder, { ...Object.fromEntries(compilers), ...others })
    // Each apart, since what they import refers to them by the name @types/node.
    for (const [line, version] of Object.entries(nodeTypes)) {
      install(join(folder, 'types', line), { '@types/node': version })
    }
  }
)

function install() {
  const packed = options.tarball === undefined ? packCheckout() : resolve(options.tarball)
  const tarballs = readdirSync(packed).filter((name) => name.endsWith('.tgz'))
  if (tarballs.length !== 1)
    fail(`there are ${tarballs.length} tarballs in ${packed}; one is wanted`)
  const folder = temporaryFolder('run')
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "sideEffects": false }')
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
  npm(['install', ...flags, join(packed, tarballs[0])], 'the tarball could not be installed', {
    cwd: folder
  })
  const here = import.meta.dirname
  for (const ending of ['mts', 'cts'])
    cpSync(join(here, 'types.ts'), join(folder, `types.${ending}`))
  cpSync(join(here, 'jest.test.cjs'), join(folder, 'jest.test.cjs'))
  const program = readFileSync(join(here, 'program.mjs'), 'utf8')
  writeFileSync(join(folder, 'program.mjs'), program)
  const asCommonJs = program.replace(/^import (.*) from (.*)$/gm, 'const $1 = require($2)')
  writeFileSync(join(folder, 'program.cjs'), asCommonJs)
  return folder
}

let failures = 0
let passed = 0
let startedAt = performance.now()
const work = []

/** Runs node with `args` when its turn comes. You can say what its output must contain. */
function check(what, args, folder, expected) {
  work.push(async () => {
    const child = spawn(process.execPath, args, {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 180_000
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        output += chunk
      })
    const status = await new Promise((done) =>
      child.on('close', (code, signal) => done(signal ?? code))
    )
    if (status === 0 && (expected === undefined || output.includes(expected))) {
      passed++
      return
    }
    failures++
    const wanted = expected === undefined ? '' : `, where "${expected}" was expected`
    console.log(
      `consumers: ${what}: FAILED (${status}${wanted})\n${output.trim().replace(/^/gm, '  ')}`
    )
  })
}

/** Works off what was asked for, as many at once as there are processors. */
async function finish(what) {
  const next = async () => {
    for (let one = work.shift(); one !== undefined; one = work.shift()) await one()
  }
  await Promise.all(Array.from({ length: availableParallelism() }, next))
  console.log(`consumers: ${what}: ${((performance.now() - startedAt) / 1000).toFixed(0)} s`)
  startedAt = performance.now()
}

const modes = {
  node16: ['--module', 'node16', 'types.mts', 'types.cts'],
  nodenext: ['--module', 'nodenext', 'types.mts', 'types.cts'],
  bundler: ['--module', 'esnext', '--moduleResolution', 'bundler', 'types.mts']
}

function checkTypes(folder) {
  const strict = [
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    'false',
    '--exactOptionalPropertyTypes',
    '--pretty',
    'false'
  ]
  const libraries = ['--target', 'es2022', '--lib', 'es2022,esnext.disposable', '--types', 'node']
  const compile = (line, mode, types) => {
    const tsc = join(tools, 'node_modules', `ts-${line}`, 'bin', 'tsc')
    const typeRoots = ['--typeRoots', join(tools, 'types', types, 'node_modules', '@types')]
    const what = `TypeScript ${line}, ${mode}, @types/node ${types}`
    check(what, [tsc, ...strict, ...libraries, ...typeRoots, ...modes[mode]], folder)
  }
  for (const line of Object.keys(typescripts)) {
    for (const mode of wholly.includes(line) ? Object.keys(modes) : ['node16'])
      compile(line, mode, '20')
    if (Number(line) >= 6) compile(line, 'nodenext', '26')
  }
}

async function checkBundles(folder) {
  for (const bundler of ['esbuild', 'webpack', 'rollup', 'vite'])
    check(
      `${bundler} bundles it`,
      [join(import.meta.dirname, 'bundle.mjs'), bundler, tools, folder],
      folder
    )
  await finish('bundling')
  // A folder in which there is no package: what was bundled in must still be imported, and refuse.
  const elsewhere = temporaryFolder('run')
  cpSync(join(folder, 'inside'), join(elsewhere, 'inside'), { recursive: true })
  const bundlesIn = (place) =>
    readdirSync(join(folder, place), { recursive: true })
      .filter((name) => /\.[cm]js$/.test(name))
      .map((name) => join(place, name))
  for (const bundle of [...bundlesIn('inside'), ...bundlesIn('outside')])
    check(`${bundle} runs`, [bundle], folder, 'echoed: round trip')
  await finish('running the bundles')
  // webpack writes into its bundle where the package was.
  const installed = join(folder, 'node_modules')
  renameSync(installed, `${installed}-gone`)
  for (const bundle of bundlesIn('inside'))
    check(`${bundle} without the package`, [bundle], elsewhere, 'refused: ERR_ADDON_NOT_FOUND')
  await finish('running the bundles without the package')
  renameSync(`${installed}-gone`, installed)
}

const folder = install()
await finish('packing and installing')
check(
  'Jest requires it',
  [join(tools, 'node_modules', 'jest', 'bin', 'jest.js'), '--rootDir', folder],
  folder
)
await finish('Jest')
await checkBundles(folder)
checkTypes(folder)
await finish('types')
console.log(`consumers: ${passed} passed, ${failures} failed`)
process.exit(failures === 0 ? 0 : 1)
