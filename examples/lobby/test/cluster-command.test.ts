// Two lobbies by the command and a real redis-server: one lobby, also in two browsers.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { closeBrowser, Visitor, whyNoBrowser } from './browser.ts'
import { untilListed } from './node-cluster.ts'
import { Person, until } from './person.ts'
import { startRedis, whyNoRedis } from './redis.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

afterAll(closeBrowser)

/** A lobby that has started; its ports. */
async function command(...args: string[]): Promise<{ port: number; webPort: number }> {
  const ports = ['--port', '0', '--udp-port', '0', '--web-port', '0', '--operator-port', '0']
  const lobby = spawn(
    process.execPath,
    ['--import', 'tsx', 'examples/lobby/main.ts', ...ports, '--lease-ms', '3000', ...args],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] }
  )
  onTestFinished(() => void lobby.kill('SIGKILL'))
  let output = ''
  lobby.stdout.on('data', (data) => {
    output += data
  })
  const opened = () => /open on 127\.0\.0\.1:(\d+).*browser:\s+http:\S+?:(\d+)/is.exec(output)
  await until('the lobby is open', () => opened() !== null || lobby.exitCode !== null)
  const [, port, webPort] = opened() ?? []
  return { port: Number(port), webPort: Number(webPort) }
}

/** A node has names to give away as soon as the cluster has settled. */
async function signIn(node: { port: number }, name: string): Promise<Person> {
  const person = await Person.arrive(node)
  for (;;) {
    const before = person.heard.length
    person.send({ type: 'name', name })
    await until('an answer', () => person.heard.length > before)
    const answer = person.heard.at(-1)
    if (answer?.type === 'welcome') return person
    expect(answer).toMatchObject({ type: 'error', code: 'cluster-away' })
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** As one would start them by hand, with a Redis of their own. */
async function twoCommands() {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const options = ['--cluster', redis.url, '--coin-arena.match-ms', '1000', '--countdown-ms', '0']
  return await Promise.all([
    command(...options, '--node', 'one'),
    command(...options, '--node', 'two')
  ])
}

test.skipIf(whyNoRedis !== undefined)(
  'two commands with one Redis are one lobby: list, chat, and a match',
  async () => {
    const nodes = await twoCommands()
    const ann = await signIn(nodes[0], 'Ann')
    const bob = await signIn(nodes[1], 'Bob')
    ann.send({ type: 'say', text: 'hello' })
    expect(await bob.next('chat')).toMatchObject({ from: 'Ann', to: 'lobby', text: 'hello' })
    ann.send({ type: 'create', room: 'Den' })
    await ann.next('joined')
    await untilListed(bob, 'Den')
    bob.send({ type: 'join', room: 'Den' })
    expect(await bob.next('joined')).toMatchObject({ host: 'Ann' })
    for (const each of [ann, bob]) each.send({ type: 'ready' })
    for (const each of [ann, bob]) {
      await each.next('state')
      expect(await each.next('match-ended')).toMatchObject({ saved: true })
    }
  }
)

test.skipIf(whyNoRedis !== undefined || whyNoBrowser !== undefined)(
  'two commands with one Redis are one lobby in two browsers: list, chat, a match, the same result',
  async () => {
    const nodes = await twoCommands()
    // Each gives names away as soon as the cluster has settled.
    for (const [at, node] of nodes.entries()) await signIn(node, `First ${at}`)
    const [ann, bob] = await Promise.all([
      Visitor.signIn(nodes[0].webPort, 'Ann'),
      Visitor.signIn(nodes[1].webPort, 'Bob')
    ])
    await ann.say('lobby', 'hello from one')
    await bob.sees('#lobby-chat li', 'Ann hello from one')
    await ann.createRoom('Den')
    await bob.press('Join Den')
    await bob.isIn('Den')
    await ann.sees('.seat', 'Bob')
    await bob.say('room', 'hello from two')
    await ann.sees('#room-chat li', 'Bob hello from two')
    for (const each of [ann, bob]) await each.press('I am ready')
    const endOf = (each: Visitor) => each.heard.find(({ type }) => type === 'match-ended')
    for (const each of [ann, bob])
      await until('the match has ended', () => endOf(each) !== undefined)
    expect(endOf(bob)).toEqual(endOf(ann))
    expect(endOf(ann)).toMatchObject({ saved: true })
    for (const each of [ann, bob]) each.complainsOfNothing()
  }
)
