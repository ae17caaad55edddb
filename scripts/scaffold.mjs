// npm run test:scaffold: what strangers do with create-pollport-lobby, from packed packages, in an
// empty folder: they make a lobby, play in it, run its tests, and follow the tutorial in it. Then
// the same with Windows' packages, on node.exe under Wine, where the lab can be had. --tarball
// FOLDER takes pollport's tarball from there; --keep FOLDER leaves the scaffold's there. Packages
// that the lobby depends on come from npm.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { forWindows, temporaryFolder } from './cache.mjs'
import { packCheckout } from './pack-checkout.mjs'
import { fail, npm, root, run } from './tools.mjs'
import { buildForWindows, windowsAddon } from './windows/build.mjs'
import { prepareLab, runInLab, whyNoLab } from './windows/lab.mjs'

const { values: options } = parseArgs({
  options: { tarball: { type: 'string' }, keep: { type: 'string' } }
})
const scaffold = join(root, 'packages', 'create-pollport-lobby')
const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']

let startedAt = performance.now()
function ok(what) {
  console.log(`scaffold: ${what}: ok, ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
  startedAt = performance.now()
}

/** The one tarball in a folder. */
function tarballIn(folder) {
  const found = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
  if (found.length !== 1) fail(`there are ${found.length} tarballs in ${folder}; one is wanted`)
  return join(folder, found[0])
}

function packScaffold() {
  const folder = temporaryFolder('run')
  const packing = npm(
    ['pack', '--json', '--foreground-scripts=false', '--pack-destination', folder],
    'create-pollport-lobby could not be packed',
    { cwd: scaffold }
  )
  const names = JSON.parse(packing)[0].files.map(({ path }) => path)
  for (const needed of ['README.md', 'LICENSE', 'src/create.mjs', 'template/gitignore'])
    if (!names.includes(needed)) fail(`${needed} is not in the tarball of the scaffold`)
  const strangers = names.filter((name) => /node_modules|browser|^(parts|test|make)/.test(name))
  if (strangers.length > 0) fail(`these do not belong in the tarball: ${strangers.join(', ')}`)
  return tarballIn(folder)
}

const pollport = tarballIn(
  options.tarball === undefined ? packCheckout() : resolve(options.tarball)
)
const packed = packScaffold()
ok('both packages are packed')

const empty = temporaryFolder('run')
const create = ['exec', '--yes', '--offline', `--package=${packed}`, '--', 'create-pollport-lobby']
// --offline: it has no dependencies, and the command itself must not need the network.
const said = npm([...create, 'my-game'], 'the lobby could not be made', { cwd: empty })
for (const line of ['cd my-game', 'npm install', 'npm start', 'docs/your-own-game.md'])
  if (!said.includes(line)) fail(`the command does not say "${line}":\n${said}`)
const game = join(empty, 'my-game')
for (const path of ['.gitignore', 'README.md', 'docs/your-own-game.md', 'games/index.ts'])
  if (!existsSync(join(game, path))) fail(`the new lobby has no ${path}`)
const manifest = JSON.parse(readFileSync(join(game, 'package.json'), 'utf8'))
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
if (manifest.name !== 'my-game' || manifest.dependencies.pollport !== `^${version}`)
  fail(`the package.json of the new lobby is wrong: ${JSON.stringify(manifest)}`)
ok('npm exec makes a lobby')

/** The command itself, without npm. */
function refuses(args, expected) {
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(scaffold, 'src/create.mjs'), ...args],
    {
      cwd: empty,
      encoding: 'utf8'
    }
  )
  if (status !== 1 || !stderr.includes(expected))
    fail(`create-pollport-lobby ${args.join(' ')}: ${status}, ${stderr}`)
}
refuses(['my-game'], 'my-game is not empty')
for (const name of ['My-Game', 'my game', '.game', 'con', 'zod', 'node_modules', 'x'.repeat(215)])
  refuses([name], 'cannot be the name of a package')
refuses([], 'npm create pollport-lobby my-game')
refuses(['a', 'b'], 'npm create pollport-lobby my-game')
refuses(['a', '--force'], '--force')
mkdirSync(join(empty, 'taken'))
writeFileSync(join(empty, 'taken', 'notes.txt'), 'mine')
refuses(['taken'], 'taken is not empty')
writeFileSync(join(empty, 'file'), '')
refuses(['file'], 'file')
if (readdirSync(empty).sort().join() !== 'file,my-game,taken')
  fail(`refusing left something behind: ${readdirSync(empty)}`)
ok('it refuses what it should')

npm(['install', ...flags, pollport], "the new lobby's packages could not be installed", {
  cwd: game
})
ok('npm install')
const play = join(scaffold, 'test', 'play.mjs')
cpSync(play, join(empty, 'play.mjs'))
const inGame = { cwd: game, timeout: 150_000 }
process.stdout.write(run(process.execPath, [join(empty, 'play.mjs')], 'nobody can play', inGame))
ok('npm start, and SIGTERM')
npm(['test'], "the new lobby's tests fail", inGame)
ok('npm test')

/** docs/your-own-game.md, as the new lobby has it. */
function followTutorial() {
  const page = readFileSync(join(game, 'docs', 'your-own-game.md'), 'utf8')
  for (const [, path, text] of page.matchAll(/^```\w+ file=(\S+)\n([\s\S]*?)^```$/gm)) {
    mkdirSync(dirname(join(game, path)), { recursive: true })
    writeFileSync(join(game, path), text)
  }
  const vitest = join(game, 'node_modules', 'vitest', 'vitest.mjs')
  const output = run(process.execPath, [vitest, 'run', 'games/nim'], "Nim's test fails", inGame)
  if (!output.includes('1 passed')) fail(`Nim's test did not run:\n${output}`)
}

async function playOnWindows() {
  const reason = whyNoLab()
  if (reason !== undefined) {
    console.log(`scaffold: on Windows: SKIPPED: ${reason}`)
    return
  }
  npm([...create, 'on-windows'], 'the lobby could not be made', { cwd: empty })
  const game = join(empty, 'on-windows')
  npm(['install', ...forWindows, '--prefer-offline', pollport], 'npm install for Windows failed', {
    cwd: game
  })
  // Only what is published has the binary of Windows.
  const binaries = join(game, 'node_modules', 'pollport', 'prebuilds', 'win32-x64')
  if (!existsSync(binaries)) {
    buildForWindows()
    mkdirSync(binaries, { recursive: true })
    cpSync(windowsAddon, join(binaries, 'pollport.node'))
  }
  cpSync(play, join(game, 'play.mjs'))
  const lab = prepareLab('24')
  const code = await runInLab(lab, { folder: game }, ['play.mjs'], { timeoutMs: 150_000 })
  if (code !== 0) fail(`the new lobby cannot be played on Windows (exit code ${code})`)
  ok('on Windows (Wine), Node 24')
}

followTutorial()
ok('the tutorial in it')
npm(['run', 'types'], 'the new lobby does not compile with the game of the tutorial', inGame)
ok('npm run types')
await playOnWindows()
if (options.keep !== undefined) {
  mkdirSync(options.keep, { recursive: true })
  cpSync(packed, join(options.keep, basename(packed)))
}
