// Packs the package as it would be published and uses it as a stranger would: what is inside, how
// big, whether its types resolve, and whether it works where install scripts do not run and there
// is no compiler, on every line of Node, on Windows' too where the lab can be had. Builds the
// prebuilt binaries first; --gathered takes those in prebuilds/ and refuses if a target is missing;
// --own leaves Windows' out. --keep FOLDER leaves the tarball there; --tarball FOLDER packs nothing
// and only uses the tarball that is there.
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, posix, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { fetchNode, nodeLines } from './cache.mjs'
import { checkGlibc, promisedGlibc, whyNotOnPromisedGlibc } from './glibc.mjs'
import { everyTarget } from './targets.mjs'
import { fail, npm, root, run } from './tools.mjs'
import { prepareLab, runInLab, whyNoLab } from './windows/lab.mjs'

// Packed; peers of this size need 100 to 500 a binary.
const budget = { kibForAll: 384, kibForEachBinary: 256 }
const { values: options } = parseArgs({
  options: {
    gathered: { type: 'boolean', default: false },
    own: { type: 'boolean', default: false },
    keep: { type: 'string' },
    tarball: { type: 'string' }
  }
})
const isGlibc = process.report.getReport().header.glibcVersionRuntime !== undefined
const own = `${process.platform}-${process.arch}/pollport${process.platform !== 'linux' ? '' : isGlibc ? '.glibc' : '.musl'}.node`

/** Says that a step ended well; the step itself ends the check when it does not. */
function ok(what, result) {
  console.log(`pack-check: ${what}: ok`)
  return result
}

function require(condition, sentence) {
  if (!condition) fail(`pack-check: ${sentence}`)
}

// What the installed package must do. Runs in the empty project, by import and by require; the echo
// goes through Node's own net.
const program = `
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import * as imported from 'pollport'

const required = createRequire(import.meta.url)('pollport')
for (const name of Object.keys(imported)) {
  if (imported[name] !== required[name]) throw new Error('import and require differ in ' + name)
}
if (!imported.supported) throw new Error('the package says that this system is not supported')
const loaded = process.report.getReport().sharedObjects.filter((path) => /pollport[^/\\\\]*\\.node$/.test(path))
if (loaded.length !== 1 || !/[/\\\\]prebuilds[/\\\\]/.test(loaded[0])) throw new Error('not the prebuilt binary: ' + loaded)

const poller = new imported.Poller()
const listener = poller.listenTcp({ address: '127.0.0.1', port: 0 })
const stop = new AbortController()
const running = poller.run((events) => {
  for (const event of events) {
    if (event.type === 'receive') event.socket.send(event.data)
    if (event.type === 'end') event.socket.end()
  }
}, { signal: stop.signal })
let echoed = ''
const peer = connect(listener.localAddress.port, '127.0.0.1')
peer.setEncoding('utf8').on('data', (text) => { echoed += text }).end('round trip')
await new Promise((resolve, reject) => peer.on('close', resolve).on('error', reject))
stop.abort()
await running.catch((error) => { if (error.name !== 'AbortError') throw error })
poller.close()
if (echoed !== 'round trip') throw new Error('echoed: ' + JSON.stringify(echoed))
console.log('echo by ' + loaded[0])
`

const work = realpathSync(mkdtempSync(join(tmpdir(), 'pollport-pack-')))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))

/**
 * A package without binaries must not be packed by mistake: a copy of what npm looks at has none.
 */
function refusesWithoutBinaries() {
  const folder = join(work, 'without-binaries')
  for (const part of ['package.json', 'scripts', 'dist'])
    cpSync(join(root, part), join(folder, part), { recursive: true })
  const { status, stderr } = spawnSync('npm', ['pack', '--dry-run'], {
    cwd: folder,
    env: { ...process.env, POLLPORT_PARTIAL: '' },
    encoding: 'utf8',
    shell: process.platform === 'win32'
  })
  require(status !== 0 &&
    stderr.includes(
      'prebuilds/linux-x64/pollport.glibc.node'
    ), 'a package without binaries is packed')
  ok('npm pack refuses a package without binaries')
}

/** Builds and packs, looks at what was packed, and returns the tarball. */
function pack() {
  ok('setup', run(process.execPath, ['scripts/setup.mjs'], 'setup failed'))
  if (!options.gathered) {
    const prebuild = ['scripts/prebuild.mjs', ...(options.own ? ['--own'] : [])]
    process.stdout.write(run(process.execPath, prebuild, 'the prebuilt binaries were not made'))
    ok('prebuilt binaries')
  }
  refusesWithoutBinaries()
  // The published package is packed as npm does it for anyone; what one machine has made by itself
  // only so.
  const env = options.gathered ? process.env : { ...process.env, POLLPORT_PARTIAL: '1' }
  const packing = npm(
    ['pack', '--json', '--foreground-scripts=false', '--pack-destination', work],
    'npm pack failed',
    {
      env
    }
  )
  const [packed] = JSON.parse(ok('npm pack', packing))
  const tarball = join(work, packed.filename)
  const names = packed.files.map((file) => file.path)
  const binaries = names.filter((name) => name.endsWith('.node'))
  const count = `${names.length} files, ${binaries.length} binaries among them`
  console.log(
    `pack-check: ${packed.filename}: ${count}, ${packed.size} bytes packed, ${packed.unpackedSize} unpacked`
  )
  const budgetBytes = 1024 * (budget.kibForAll + budget.kibForEachBinary * binaries.length)
  require(packed.size <=
    budgetBytes, `the tarball has ${packed.size} bytes, over the budget of ${budgetBytes}`)
  for (const needed of [
    ...(options.gathered ? everyTarget : [own]).map((binary) => `prebuilds/${binary}`),
    'dist/index.js',
    'dist/index.d.ts',
    'dist/commonjs/index.cjs',
    'dist/commonjs/index.d.cts',
    'dist/websocket/index.js',
    'dist/websocket/index.d.ts',
    'dist/commonjs/websocket/index.cjs',
    'dist/commonjs/websocket/index.d.cts',
    'dist/simulation/index.js',
    'dist/simulation/index.d.ts',
    'dist/commonjs/simulation/index.cjs',
    'dist/commonjs/simulation/index.d.cts',
    'lib/index.ts',
    'binding.gyp',
    'native/addon.cc',
    'examples/chat.ts', // the README points at it
    'README.md',
    'LICENSE'
  ]) {
    require(names.includes(
      needed
    ), `${needed} is not in the tarball; is it made, and in "files" of package.json?`)
  }
  const strangers = names.filter((name) =>
    /^(test|build|examples\/.*\/|bench|scripts|node_modules)\b|\.(pdb|o|log|tgz)$/.test(name)
  )
  require(strangers.length === 0, `these do not belong in the tarball: ${strangers.join(', ')}`)
  for (const map of names.filter((name) => /\.c?js\.map$/.test(name))) {
    const { sources } = JSON.parse(readFileSync(join(root, map), 'utf8'))
    for (const source of sources.map((path) => posix.join(posix.dirname(map), path)))
      require(names.includes(source), `${map} points at ${source}, which is not in the tarball`)
  }

  if (process.platform === 'linux') checkGlibcs(binaries)

  const publint = ['node_modules/publint/src/cli.js', 'run', tarball, '--strict']
  ok('publint', run(process.execPath, publint, 'publint found something'))
  const attw = ['node_modules/@arethetypeswrong/cli/dist/index.js', tarball, '--profile', 'node16']
  ok('are the types wrong', run(process.execPath, attw, 'the types are wrong'))
  if (options.keep !== undefined) {
    mkdirSync(options.keep, { recursive: true })
    copyFileSync(tarball, join(options.keep, packed.filename))
  }
  return tarball
}

/** Every binary for glibc that is in the package, whoever made it. */
function checkGlibcs(binaries) {
  for (const name of binaries.filter((binary) => binary.endsWith('.glibc.node')))
    checkGlibc(join(root, name))
  // The checkout's own addon is built without regard to old systems: where glibc is newer than
  // 2.34, the check has to see that.
  const [major, minor] = (process.report.getReport().header.glibcVersionRuntime ?? '0.0')
    .split('.')
    .map(Number)
  if (major > 2 || minor >= 34) {
    const reason = whyNotOnPromisedGlibc(join(root, 'build', 'Release', 'pollport.node'))
    require(reason?.includes(
      'glibc 2.3'
    ), 'the check of glibc does not see what a new glibc brings along')
  }
  ok(`binaries load on glibc ${promisedGlibc}`)
}

/** The one tarball in a folder. */
function tarballIn(folder) {
  const found = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
  require(found.length === 1, `there are ${found.length} tarballs in ${folder}; one is wanted`)
  return resolve(folder, found[0])
}

const tarball = options.tarball === undefined ? pack() : tarballIn(options.tarball)

// A PATH on which there is Node and nothing else: no compiler, make, python or shell can be called.
const tools = join(work, 'bin')
mkdirSync(tools)
if (process.platform !== 'win32') symlinkSync(process.execPath, join(tools, 'node'))
const bare = process.platform === 'win32' ? {} : { env: { ...process.env, PATH: tools } }

const project = mkdtempSync(join(work, 'project-'))
writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }')
writeFileSync(join(project, 'main.mjs'), program)
const install = [
  'install',
  '--ignore-scripts',
  '--no-audit',
  '--no-fund',
  '--prefer-offline',
  tarball
]
ok(
  'install without scripts',
  npm(install, 'the tarball could not be installed', { cwd: project, ...bare })
)
const installed = readdirSync(join(project, 'node_modules', 'pollport'))
require(!installed.includes('build'), 'something was compiled during the installation')

function tryOn(node, what) {
  const echo = run(node, ['main.mjs'], `the installed package does not work on ${what}`, {
    cwd: project,
    timeout: 60_000,
    ...bare
  })
  ok(`echo on ${what}`)
  process.stdout.write(`  ${echo}`)
}

tryOn(process.execPath, `${process.platform}, Node ${process.versions.node}`)
if (process.platform === 'linux' && isGlibc) {
  for (const line of nodeLines)
    tryOn(join(fetchNode(line, 'linux', process.arch), 'node'), `Linux, Node ${line}`)
  const reason = options.own ? 'its binary was not asked for (--own)' : whyNoLab()
  if (reason !== undefined) console.log(`pack-check: echo on Windows: SKIPPED: ${reason}`)
  for (const line of reason === undefined ? ['20', '24'] : []) {
    const code = await runInLab(prepareLab(line), { folder: project }, ['main.mjs'], {
      timeoutMs: 120_000
    })
    require(code ===
      0, `the installed package does not work on Windows' Node ${line} (exit code ${code})`)
    ok(`echo on Windows (Wine), Node ${line}`)
  }
}
