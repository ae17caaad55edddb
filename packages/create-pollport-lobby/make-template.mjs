// npm runs this before it packs: makes template/ from the tested lobby, examples/lobby, so that
// strangers get what the repository's tests have run. What only the repository needs stays out: its
// tests of the server and of browsers. What a folder of its own needs instead is in parts/.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const here = import.meta.dirname
const root = join(here, '..', '..')
const lobby = join(root, 'examples', 'lobby')
const template = join(here, 'template')

/** Of the lobby. The tests of its games stay, and what they need of test/. */
const leftOut =
  /^(node_modules|deploy|test)\/|(^|\/)node_modules\/|browser\.test\.ts$|^package\.json$|^README\.md$/
const kept = ['test/table.ts']

const read = (...path) => readFileSync(join(root, ...path), 'utf8')
const readJson = (...path) => JSON.parse(read(...path))
function write(path, text) {
  mkdirSync(dirname(join(template, path)), { recursive: true })
  writeFileSync(join(template, path), text)
}
const writeJson = (path, value) => write(path, `${JSON.stringify(value, null, 2)}\n`)

/** Replaces what must be there; a template with a path out of it must not be packed. */
function replace(text, before, after) {
  if (!text.includes(before)) throw new Error(`make-template: "${before}" is not there any more`)
  return text.replaceAll(before, after)
}

function copyLobby() {
  for (const entry of readdirSync(lobby, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
      .slice(lobby.length + 1)
      .replaceAll('\\', '/')
    if (!entry.isFile() || (leftOut.test(path) && !kept.includes(path))) continue
    mkdirSync(dirname(join(template, path)), { recursive: true })
    cpSync(join(lobby, path), join(template, path))
  }
}

function writeSettings() {
  const { compilerOptions } = readJson('tsconfig.json')
  writeJson('tsconfig.json', {
    compilerOptions,
    include: ['**/*.ts'],
    exclude: ['**/node_modules', 'games/*/page.test.ts'] // web/tsconfig.json has those
  })
  for (const page of ['web', 'monitor']) {
    const path = `${page}/tsconfig.json`
    const text = read('examples', 'lobby', path)
    write(path, replace(text, '../../../tsconfig.json', '../tsconfig.json'))
  }

  const { version, devDependencies: tools } = readJson('package.json')
  const manifest = readJson('examples', 'lobby', 'package.json')
  const { '@types/cli-progress': types, selfsigned, vitest } = manifest.devDependencies
  writeJson('package.json', {
    version: '0.1.0',
    private: true,
    type: manifest.type,
    engines: manifest.engines,
    scripts: {
      ...manifest.scripts,
      types: ['.', 'web', 'monitor'].map((folder) => `tsc --noEmit -p ${folder}`).join(' && ')
    },
    dependencies: { ...manifest.dependencies, pollport: `^${version}` },
    devDependencies: {
      '@types/cli-progress': types,
      '@types/node': tools['@types/node'],
      selfsigned,
      typescript: tools.typescript,
      vitest
    }
  })
}

/** What is about more than one machine stays there. */
const project = 'https://github.com/pollport/pollport/blob/main'

function writePages() {
  const [before, after] = read('examples', 'lobby', 'README.md').split(/^## Tests$/m)
  if (after === undefined) throw new Error('make-template: where are the tests of the lobby?')
  const withLinks = (text, links) =>
    links.reduce((changed, [from, to]) => replace(changed, from, to), text)
  const lobbyPage = withLinks(`${before.trimEnd()}\n`, [
    ['../../docs/your-own-game.md', 'your-own-game.md'],
    ['](deploy/README.md)', '](../deploy/README.md)'],
    ['](deploy/cluster/README.md)', `](${project}/examples/lobby/deploy/cluster/README.md)`],
    ['](../../docs/scaling.md)', `](${project}/docs/scaling.md)`]
  ])
  write('docs/lobby.md', lobbyPage)
  cpSync(join(root, 'docs', 'your-own-game.md'), join(template, 'docs', 'your-own-game.md'))
  cpSync(join(root, 'LICENSE'), join(template, 'LICENSE-pollport'))
  cpSync(join(here, 'parts', 'gitignore'), join(template, 'gitignore'))
  const ownPage = withLinks(readFileSync(join(here, 'parts', 'README.md'), 'utf8'), [
    ['../../../docs/your-own-game.md', 'docs/your-own-game.md'],
    ['../../../examples/lobby/README.md', 'docs/lobby.md']
  ])
  write('README.md', ownPage)
}

/** Nothing is compiled, and the lobby is the whole folder: it has a Dockerfile of its own. */
function writeDeployment() {
  cpSync(join(here, 'parts', 'deploy'), join(template, 'deploy'), { recursive: true })
  for (const name of ['Caddyfile', 'lobby.env'])
    cpSync(join(lobby, 'deploy', name), join(template, 'deploy', name))
  const unit = replace(
    read('examples', 'lobby', 'deploy', 'lobby.service'),
    'a checkout in /opt/lobby, on which `node scripts/setup.mjs` has run',
    'your folder in /opt/lobby, in which `npm ci` has run'
  )
  write('deploy/lobby.service', replace(unit, '/opt/lobby/examples/lobby', '/opt/lobby'))
}

function refusePathsOut() {
  for (const entry of readdirSync(template, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const depth = path.slice(template.length + 1).split(/[/\\]/).length - 1
    const wayOut = '../'.repeat(depth + 1)
    // The programs on a page are for other folders.
    if (readFileSync(path, 'utf8').includes(path.endsWith('.md') ? `](${wayOut}` : wayOut))
      throw new Error(`make-template: ${path} has a path out of the template`)
  }
}

rmSync(template, { recursive: true, force: true })
copyLobby()
writeSettings()
writePages()
writeDeployment()
refusePathsOut()
