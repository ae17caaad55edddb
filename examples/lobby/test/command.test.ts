// The command itself, as a person starts it: what it prints, how it ends, and that no process
// stays.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generate } from 'selfsigned'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { isWindows } from '../../../test/support/system.ts'
import { openLobby, Person, until } from './person.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

const home = mkdtempSync(join(tmpdir(), 'lobby-home-'))
afterAll(() => rmSync(home, { recursive: true }))

class Command {
  readonly process: ChildProcess
  output = ''
  errors = ''
  end: { code: number | null; signal: string | null } | undefined

  constructor(...args: string[]) {
    const command = ['--import', 'tsx', 'examples/lobby/main.ts', ...args]
    const env = {
      ...process.env,
      HOME: home, // the client keeps its account there
      USERPROFILE: home,
      LOBBY_OPERATOR_PORT: '0',
      LOBBY_UDP_PORT: '0',
      LOBBY_WEB_PORT: '0'
    }
    this.process = spawn(process.execPath, command, {
      cwd: root,
      env,
      stdio: ['pipe', 'pipe', 'pipe']
    })
    this.process.stdout?.on('data', (data) => {
      this.output += data
    })
    this.process.stderr?.on('data', (data) => {
      this.errors += data
    })
    this.process.on('close', (code, signal) => {
      this.end = { code, signal }
    })
    onTestFinished(() => void this.process.kill('SIGKILL'))
  }

  async says(pattern: RegExp): Promise<RegExpExecArray> {
    let match: RegExpExecArray | null = null
    await until(`${pattern} in: ${this.output}${this.errors}`, () => {
      match = pattern.exec(this.output)
      return match !== null || this.end !== undefined
    })
    if (match === null) throw new Error(`it ended without ${pattern}: ${this.output}${this.errors}`)
    return match
  }

  async exit(): Promise<number | string | null> {
    await until(
      `the end of the command: ${this.output}${this.errors}`,
      () => this.end !== undefined
    )
    return this.end?.code ?? this.end?.signal ?? null
  }

  async open(): Promise<number> {
    return Number((await this.says(/open on 127\.0\.0\.1:(\d+)/))[1])
  }
}

/**
 * The processes that `pid` started and that still live, zombies not counted. Linux only, like this
 * whole step of the package.
 */
function childrenOf(pid: number): number[] {
  const children: number[] = []
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (parentOf(Number(entry)) === pid) children.push(Number(entry))
  }
  return children
}

function parentOf(pid: number): number | undefined {
  try {
    const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
    return state === 'Z' ? undefined : Number(parent)
  } catch {
    return undefined // it has ended
  }
}

test('--help explains every flag', async () => {
  const command = new Command('--help')
  expect(await command.exit()).toBe(0)
  for (const flag of ['--port', '--host', '--bots', '--client'])
    expect(command.output).toContain(flag)
})

test.each([
  ['--prot 1'],
  ['--port x'],
  ['--port 65536'],
  ['--bots -1'],
  ['--bots=1.5'],
  ['--host no.such.host.invalid'],
  ['--web-host no.such.host.invalid'],
  ['--host 192.0.2.1'] // set aside for documents: no machine has it
])('%s is answered with a sentence', async (args) => {
  const command = new Command(...args.split(' '))
  expect(await command.exit()).toBe(1)
  expect(command.errors).not.toMatch(/^\s+at /m)
  expect(command.errors.length).toBeGreaterThan(20)
})

test('--web-host is where the page is, and nothing else; --host is not', async () => {
  const command = new Command('--port', '0', '--web-host', '127.0.0.2')
  await command.open()
  const [page, port] = await command.says(/http:\/\/127\.0\.0\.2:(\d+)\//)
  expect((await fetch(page)).status).toBe(200)
  await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow()
})

test('a port in use is a plain sentence and exit code 1', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void other.close())
  await until('it listens', () => other.listening)
  const { port } = other.address() as { port: number }
  const command = new Command('--port', String(port))
  expect(await command.exit()).toBe(1)
  expect(command.errors).toBe(
    `Port ${port} of 127.0.0.1 is in use, perhaps by another lobby. --port chooses another one.\n` +
      'A second lobby has four of its own: --port 6959 --udp-port 6959 --web-port 6960 --operator-port 6961\n'
  )
})

test('as a node, too: its way to Redis does not keep the process', async () => {
  const other = createServer().listen(0, '127.0.0.1') // a Redis that says nothing
  onTestFinished(() => void other.close())
  await until('it listens', () => other.listening)
  const { port } = other.address() as { port: number }
  const command = new Command('--port', String(port), '--cluster', `redis://127.0.0.1:${port}`)
  expect(await command.exit()).toBe(1)
  expect(command.errors).toMatch(/^Port \d+ of 127\.0\.0\.1 is in use/)
})

test('bots that a proxy would have to announce are answered with a sentence', async () => {
  const command = new Command('--port', '0', '--bots', '5', '--trusted-proxies', '127.0.0.0/8')
  expect(await command.exit()).toBe(1)
  expect(command.errors).toMatch(/^--bots come from 127\.0\.0\.2, which --trusted-proxies/)
})

// Windows has no signals between processes: kill() ends the other one at once.
test.skipIf(isWindows).each(['SIGINT', 'SIGTERM'] as const)(
  '%s closes the lobby in order',
  async (signal) => {
    const command = new Command('--port', '0')
    const port = await command.open()
    const ann = await Person.signIn({ port }, 'Ann')
    command.process.kill(signal)
    await ann.next('bye')
    await ann.isSentAway()
    expect(await command.exit()).toBe(0)
    expect(command.errors).toBe('')
  }
)

test('bots come, play and show figures; Ctrl-C ends them with the server', async () => {
  const command = new Command('--port', '0', '--bots', '20')
  await command.says(
    /\n20 players .*[1-9]\d* rooms .* msg\/s in .* msg\/s out {2}p50 [\d.]+ ms {2}p99 [\d.]+ ms\n(.*\n)+20 players/
  )
  if (isWindows) return // no Ctrl-C can be sent to it, and no /proc shows its children
  const [bots] = childrenOf(command.process.pid as number).filter((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('bots.ts')
  )
  expect(bots).toBeTypeOf('number')
  command.process.kill('SIGINT')
  expect(await command.exit()).toBe(0)
  expect(parentOf(bots)).toBeUndefined()
  expect(command.output).not.toMatch(/error/)
  expect(command.errors).toBe('')
})

test.skipIf(isWindows)('bots end when the server is killed', async () => {
  const command = new Command('--port', '0', '--bots', '5')
  await command.says(/\n5 players/)
  const children = childrenOf(command.process.pid as number)
  expect(children.length).toBeGreaterThan(0)
  command.process.kill('SIGKILL')
  await until('no process is left', () => children.every((pid) => parentOf(pid) === undefined))
})

test.skipIf(isWindows)('when the bots are killed the server says so and goes on', async () => {
  const command = new Command('--port', '0', '--bots', '5')
  const port = await command.open()
  await command.says(/\n5 players/)
  const [bots] = childrenOf(command.process.pid as number).filter((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('bots.ts')
  )
  process.kill(bots, 'SIGKILL')
  await until('it says so', () =>
    command.errors.includes('The bots have ended (SIGKILL); the lobby stays open.')
  )
  await Person.signIn({ port }, 'Ann')
  command.process.kill('SIGINT')
  expect(await command.exit()).toBe(0)
})

test('the client works in a pipe: everything typed is sent and everything answered is printed before it ends', async () => {
  const server = await openLobby()
  const ann = await Person.signIn(server, 'Ann')
  const client = new Command('--client', '--port', String(server.port))
  client.process.stdin?.end('/name Bob\nhello, Ann\n/create Den\n/rooms\n/fly\n/ready\n/leave\n')
  expect(await client.exit()).toBe(0)
  expect(await ann.next('chat')).toMatchObject({ from: 'Bob', text: 'hello, Ann' })
  for (const text of [
    'You are Bob now',
    '[lobby] Bob: hello, Ann',
    'You are in Den',
    'Den: 1 of 8',
    '/create Den',
    'Bob is ready',
    'You left Den'
  ]) {
    expect(client.output).toContain(text)
  }
  expect(client.errors).toBe('')
})

test('the client speaks TLS to a server that it trusts, and comes back with its account', async () => {
  const pems = await generate([{ name: 'commonName', value: 'localhost' }], {
    keySize: 2048,
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }]
  })
  const [tlsCert, tlsKey] = [join(home, 'cert.pem'), join(home, 'key.pem')]
  writeFileSync(tlsCert, pems.cert)
  writeFileSync(tlsKey, pems.private)
  const server = await openLobby({ tlsCert, tlsKey })
  const to = ['--client', '--host', 'localhost', '--port', String(server.port)]
  for (const name of ['Ann', 'Zoe']) {
    const client = new Command(...to, '--trust', tlsCert)
    client.process.stdin?.end(`/name ${name}\n`)
    expect(await client.exit(), client.output).toBe(0)
    expect(client.output).toContain(`You are ${name} now`)
  }
  const file = join(home, '.pollport-lobby.json')
  const account = JSON.parse(readFileSync(file, 'utf8'))[`localhost:${server.port}`]
  if (!isWindows) expect(statSync(file).mode & 0o777).toBe(0o600)
  const again = new Command(...to, '--trust', tlsCert)
  again.process.stdin?.end('/name Ann\n')
  expect(await again.exit()).toBe(0)
  expect(JSON.parse(readFileSync(file, 'utf8'))[`localhost:${server.port}`]).toBe(account)

  const wary = new Command(...to, '--tls')
  expect(await wary.exit()).toBe(1)
  expect(wary.output).toMatch(/The connection is gone: .*certificate/)
})

test('a client without a server says so', async () => {
  const unused = createServer().listen(0, '127.0.0.1')
  await until('it listens', () => unused.listening)
  const { port } = unused.address() as { port: number }
  unused.close()
  const client = new Command('--client', '--port', String(port))
  expect(await client.exit()).toBe(1)
  expect(client.output).toContain(`nobody listens on 127.0.0.1:${port}`)
})

test('a client whose server closes ends too', async () => {
  const server = await openLobby()
  const client = new Command('--client', '--port', String(server.port))
  await client.says(/Choose a name/)
  server.stop()
  expect(await client.exit()).toBe(0)
  expect(client.output).toContain('Goodbye')
})
