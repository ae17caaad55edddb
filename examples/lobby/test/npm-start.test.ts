// `npm start` is npm and a shell before the lobby is there, and in a checkout scripts/setup.mjs:
// one signal is one signal, whichever of them dies of it.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { isWindows } from '../../../test/support/system.ts'
import { Person, until } from './person.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** What `npm start` runs here and in a copy of the lobby, before the flags. */
const places = [
  { what: 'in a checkout', program: 'scripts/setup.mjs --no-addon -- --import tsx' },
  { what: 'of the lobby alone', program: '--import tsx' }
]

/** `npm start`, below a shell that dies of SIGTERM and does not pass it on. */
function start(program: string, ...flags: string[]) {
  const ports = '--port 0 --udp-port 0 --web-port 0 --operator-port 0'
  const command = `node ${program} examples/lobby/main.ts ${ports} ${flags.join(' ')}; exit`
  // Of its own group, so that the test can end all of it
  const shell: ChildProcess = spawn('sh', ['-c', command], {
    cwd: root,
    detached: true,
    env: { ...process.env, npm_lifecycle_event: 'start' }
  })
  const seen = { shell, output: '', isOver: false }
  shell.stdout?.on('data', (data) => {
    seen.output += data
  })
  // The pipe closes when the last of them has ended.
  shell.stdout?.on('close', () => {
    seen.isOver = true
  })
  onTestFinished(() => {
    try {
      process.kill(-(shell.pid as number), 'SIGKILL')
    } catch {
      // all of them have ended
    }
  })
  return seen
}

// Windows has no signals between processes.
const sentence = 'SIGTERM $how of npm start $what drains: a match goes on until it has ended'
const ways = places.flatMap((place) =>
  ['to the shell', 'to the group'].map((how) => ({ ...place, how }))
)
test.skipIf(isWindows).each(ways)(sentence, async ({ program, how }) => {
  const started = start(program, '--coin-arena.match-ms 600000', '--countdown-ms 0')
  const open = () => /open on 127\.0\.0\.1:(\d+)/.exec(started.output)
  await until('the lobby is open', () => open() !== null)
  const port = Number(open()?.[1])
  const [ann, bob] = await Person.roomOf({ port }, 'Ann', 'Bob')
  for (const each of [ann, bob]) each.send({ type: 'ready' })
  for (const each of [ann, bob]) await each.next('match-started')
  if (how === 'to the shell') started.shell.kill('SIGTERM')
  // As timeout(1) and supervisors do: each process gets it, and some pass it on.
  else process.kill(-(started.shell.pid as number), 'SIGTERM')
  await ann.next('draining')
  // As long as several looks of setup.mjs whether it is an orphan.
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  await ann.isUndisturbed()
  bob.send({ type: 'leave' })
  expect((await ann.next('match-ended')).winners).toEqual(['Ann'])
  await ann.next('bye')
  await until('all of it has ended', () => started.isOver)
})
