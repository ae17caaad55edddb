// The files for a deployment: each passes a linter or a parser of others, and names only what is
// there. Building the image, or running the unit, is not tried here: deploy/README.md says so.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { validate } from 'dockerfile-utils'
import { expect, onTestFinished, test } from 'vitest'
import { settingFlags } from '../server/settings.ts'

const rootUrl = new URL('../../../', import.meta.url)
const root = fileURLToPath(rootUrl)
const folder = fileURLToPath(new URL('../deploy', import.meta.url))
const read = (name: string) => readFileSync(join(folder, name), 'utf8')

/** Why a tool cannot check here; undefined when it can. */
function whyNot(tool: string, args: string[]): string | undefined {
  const { error } = spawnSync(tool, args, { encoding: 'utf8', timeout: 60_000 })
  return error === undefined ? undefined : `there is no ${tool} here`
}
const noCaddy = whyNot('caddy', ['version'])
const noSystemd = whyNot('systemd-analyze', ['--version'])
for (const [file, why] of [
  ['Caddyfile', noCaddy],
  ['lobby.service', noSystemd]
])
  if (why !== undefined) console.warn(`SKIPPED: deploy/${file} is not checked: ${why}`)

/** The flags of the lobby's command in a text: all that begin with two hyphens after main.ts. */
function flagsIn(text: string): string[] {
  return [...text.matchAll(/--([a-z][a-z-]+)/g)].map(([, flag]) => flag)
}

test('the Dockerfile passes a linter, runs without root, and says how it is', () => {
  const dockerfile = read('Dockerfile')
  expect(validate(dockerfile)).toEqual([])
  const lastStage = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '))
  expect(lastStage).toMatch(/^USER node$/m)
  expect(lastStage).toMatch(/^HEALTHCHECK .*\\\n {2}CMD \["node"/m)
  // A shell as process 1 would keep SIGTERM to itself.
  const command = /^ENTRYPOINT (\[.*\])$/m.exec(lastStage)?.[1] ?? ''
  expect(JSON.parse(command)).toEqual(
    expect.arrayContaining(['node', 'main.ts', '--store', '/data'])
  )
})

test('a scaffolded lobby has a Dockerfile of its own, which passes too', () => {
  const own = fileURLToPath(new URL('packages/create-pollport-lobby/parts/deploy/', rootUrl))
  const dockerfile = readFileSync(join(own, 'Dockerfile'), 'utf8')
  expect(validate(dockerfile)).toEqual([])
  // What runs is the same.
  const lines = (text: string) =>
    text.match(/^(USER|HEALTHCHECK|ENTRYPOINT|STOPSIGNAL|EXPOSE) .*$/gm)
  expect(lines(dockerfile)).toEqual(lines(read('Dockerfile')))
})

test('what the Dockerfile copies is there, or is made by the build before', () => {
  const copied = [...read('Dockerfile').matchAll(/^COPY --from=build \/src\/(\S+)/gm)]
  const made = ['dist', 'build/Release/pollport.node', 'node_modules']
  expect(copied.map(([, path]) => path)).toEqual(expect.arrayContaining(made))
  for (const [, path] of copied) expect(existsSync(join(root, path)), path).toBe(true)
  // What the build needs must not be left out of what it gets.
  const leftOut = read('Dockerfile.dockerignore').trim().split('\n')
  for (const needed of ['lib', 'native', 'scripts', 'examples', 'package-lock.json'])
    expect(leftOut).not.toContain(needed)
})

test.skipIf(noSystemd !== undefined)('the unit passes systemd, and leaves little exposed', () => {
  const own = mkdtempSync(join(tmpdir(), 'lobby-unit-'))
  onTestFinished(() => rmSync(own, { recursive: true }))
  const unit = join(own, 'lobby.service')
  // The command must exist where it is checked.
  writeFileSync(unit, read('lobby.service').replace('/usr/bin/node', process.execPath))
  const verify = spawnSync('systemd-analyze', ['verify', '--man=no', unit], {
    encoding: 'utf8',
    timeout: 60_000
  })
  expect(verify.stderr + verify.stdout).toBe('')
  expect(verify.status).toBe(0)
  // In tenths: 10.0 is a unit without any protection.
  const exposure = ['security', '--offline=yes', '--no-pager', '--threshold=20', unit]
  const security = spawnSync('systemd-analyze', exposure, { encoding: 'utf8', timeout: 60_000 })
  expect(security.status, security.stdout.split('\n').slice(-3).join('\n')).toBe(0)
})

test.skipIf(noCaddy !== undefined)('the Caddyfile passes Caddy', () => {
  const file = join(folder, 'Caddyfile')
  const args = ['validate', '--config', file, '--adapter', 'caddyfile']
  const { status, stderr } = spawnSync('caddy', args, { encoding: 'utf8', timeout: 60_000 })
  expect(stderr).toMatch(/Valid configuration|^$/m)
  expect(status, stderr).toBe(0)
})

test('flags and variables in the files are settings of the lobby', () => {
  const command = /^ENTRYPOINT .*main\.ts(.*)$/m.exec(read('Dockerfile'))?.[1] ?? ''
  const start = /^ExecStart=.*main\.ts(.*)$/m.exec(read('lobby.service'))?.[1] ?? ''
  const flags = flagsIn(command + start)
  expect(flags.length).toBeGreaterThan(1)
  for (const flag of flags) expect(Object.keys(settingFlags)).toContain(flag)
  const all = read('README.md') + read('lobby.service') + read('lobby.env')
  const variables = [...all.matchAll(/LOBBY_([A-Z_]+)/g)].map(([, name]) => name)
  for (const name of variables)
    expect(Object.keys(settingFlags)).toContain(name.toLowerCase().replaceAll('_', '-'))
})

test('game clients come in with Docker and without, and the settings decide', () => {
  expect(read('lobby.env')).toMatch(/^LOBBY_HOST=0\.0\.0\.0$/m)
  // Whoever reached the page past Caddy could say in a header that it came from anywhere.
  expect(read('lobby.env')).toMatch(/^LOBBY_WEB_HOST=127\.0\.0\.1$/m)
  // A flag would count before the operator's variable.
  for (const name of ['Dockerfile', 'lobby.service']) expect(read(name)).not.toContain('--host')
  expect(read('Dockerfile')).toMatch(/^ENV .*LOBBY_HOST=0\.0\.0\.0$/m)
})

test('a tunnel stays open: ssh with -L runs no command, which would end it', () => {
  const tunnels = read('README.md').match(/^ssh .*-L.*$/gm) ?? []
  expect(tunnels).toHaveLength(1)
  for (const tunnel of tunnels) expect(tunnel).toMatch(/^ssh -N -L \S+ \S+( #.*)?$/)
})

test('from nothing to wss takes ten commands at most, and their files are there', () => {
  const [, block] = /```sh\n([\s\S]*?)```/.exec(read('README.md')) as RegExpExecArray
  const commands = block.trim().split('\n')
  expect(commands.length).toBeLessThanOrEqual(10)
  for (const [path] of block.matchAll(/examples\/\S+/g))
    expect(existsSync(join(root, path)), path).toBe(true)
})
