// Packs the package as it would be published and uses it as a stranger would: what is inside, how big, whether its types resolve, and whether
// it works where install scripts do not run and no compiler is called. Builds this system's prebuilt binary first.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const budgetBytes = 1024 * 1024 // for every target's binary together; peers of this size need 0.1 to 0.5 MB a target
const onWindows = process.platform === 'win32'

/** Runs a command and returns its standard output; a failure ends the check with everything that it printed. */
function run(what, command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', shell: onWindows, ...options })
  if (result.status === 0) {
    console.log(`pack-check: ${what}: ok`)
    return result.stdout
  }
  console.error(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`)
  console.error(`pack-check: ${what}: FAILED`)
  process.exit(1)
}

function require(condition, sentence) {
  if (condition) return
  console.error(`pack-check: ${sentence}`)
  process.exit(1)
}

// What the installed package must do. Runs in the empty project, by import and by require; the echo goes through Node's own net.
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

run('setup', process.execPath, ['scripts/setup.mjs'])
run('prebuilt binary', process.execPath, ['scripts/prebuild.mjs'])

const [packed] = JSON.parse(run('npm pack', 'npm', ['pack', '--json', '--pack-destination', work]))
const tarball = join(work, packed.filename)
const names = packed.files.map((file) => file.path)
console.log(
  `pack-check: ${packed.filename}: ${names.length} files, ${packed.size} bytes packed, ${packed.unpackedSize} unpacked`
)
require(packed.size <= budgetBytes, `the tarball has ${packed.size} bytes, over the budget of ${budgetBytes}`)
for (const needed of [
  'dist/index.js',
  'dist/index.d.ts',
  'lib/index.ts',
  'binding.gyp',
  'native/addon.cc',
  'README.md',
  'LICENSE'
]) {
  require(names.includes(needed), `${needed} is not in the tarball; look at "files" in package.json`)
}
const strangers = names.filter((name) =>
  /^(test|build|examples|bench|scripts|node_modules)\b|\.(pdb|o|log|tgz)$/.test(name)
)
require(strangers.length === 0, `these do not belong in the tarball: ${strangers.join(', ')}`)
for (const map of names.filter((name) => name.endsWith('.js.map'))) {
  const source = map.replace(/^dist\//, 'lib/').replace(/\.js\.map$/, '.ts')
  require(names.includes(source), `${map} points at ${source}, which is not in the tarball`)
}

run('publint', process.execPath, ['node_modules/publint/src/cli.js', 'run', tarball, '--strict'])
run('are the types wrong', process.execPath, [
  'node_modules/@arethetypeswrong/cli/dist/index.js',
  tarball,
  '--profile',
  'esm-only'
])

const project = mkdtempSync(join(work, 'project-'))
writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }')
writeFileSync(join(project, 'main.mjs'), program)
run(
  'install without scripts',
  'npm',
  ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', tarball],
  {
    cwd: project
  }
)
const installed = readdirSync(join(project, 'node_modules', 'pollport'))
require(!installed.includes('build'), 'something was compiled during the installation')
process.stdout.write(
  run('echo from the installed package', process.execPath, ['main.mjs'], { cwd: project, timeout: 60_000 })
)
