// Runs in the folder that create-pollport-lobby has made: starts the lobby as its owner does, looks
// at the page, signs in by TCP and plays a match against bots, then ends the lobby. On Windows,
// where there are no signals, it runs what npm start runs, and ends it by force.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

// Whatever goes wrong, it ends: by this deadline, and with its children.
const deadlineMs = 120_000
const isWindows = process.platform === 'win32'
const doors = ['port', 'udp-port', 'web-port', 'operator-port'].flatMap((name) => [
  `--${name}`,
  '0'
])
const settings = ['--coin-arena.match-ms', '3000', '--drain-ms', '5000']
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))
const [command, args] = isWindows
  ? [process.execPath, scripts.start.split(' ').slice(1)]
  : ['npm', ['start', '--']]
const lobby = spawn(command, [...args, ...doors, ...settings], {
  detached: !isWindows, // a group of its own: npm, its shell and Node
  stdio: ['ignore', 'pipe', 'inherit']
})
const kill = () => {
  try {
    if (isWindows) lobby.kill()
    else process.kill(-lobby.pid, 'SIGKILL')
  } catch {
    // All of them have ended.
  }
}
process.on('exit', kill)
setTimeout(() => {
  console.error(`play: not done after ${deadlineMs / 1000} s; the lobby said:\n${said}`)
  process.exit(1)
}, deadlineMs).unref()

function require(condition, sentence) {
  if (!condition) throw new Error(`play: ${sentence}`)
}

let said = ''
lobby.stdout.on('data', (data) => {
  said += data
})
// The pipe closes when the last of them has ended.
const ended = once(lobby.stdout, 'close')
async function find(pattern) {
  while (!pattern.test(said)) {
    require(lobby.exitCode === null, `the lobby has ended:\n${said}`)
    await delay(20)
  }
  return Number(pattern.exec(said)[1])
}

const port = await find(/is open on \S+?:(\d+)/)
const webPort = await find(/in a browser:\s+http:\/\/\S+?:(\d+)/)
for (const path of ['', 'main.js', 'games/coin-arena/page.js']) {
  const response = await fetch(`http://127.0.0.1:${webPort}/${path}`)
  require(response.ok && (await response.text()) !== '', `/${path}: ${response.status}`)
}

const socket = connect(port, '127.0.0.1')
const heard = []
let bytes = Buffer.alloc(0)
socket.on('data', (data) => {
  bytes = Buffer.concat([bytes, data])
  while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE()) {
    const end = 2 + bytes.readUInt16BE()
    heard.push(JSON.parse(bytes.toString('utf8', 2, end)))
    bytes = bytes.subarray(end)
  }
})
function send(message) {
  const text = Buffer.from(JSON.stringify(message))
  const length = Buffer.alloc(2)
  length.writeUInt16BE(text.length)
  socket.write(Buffer.concat([length, text]))
}
async function next(type) {
  for (;;) {
    const error = heard.find((message) => message.type === 'error')
    require(error === undefined, `the lobby refuses: ${JSON.stringify(error)}`)
    const message = heard.find((each) => each.type === type)
    if (message !== undefined) return message
    await delay(5)
  }
}

await next('hello')
send({ type: 'name', name: 'Ann' })
await next('welcome')
send({ type: 'practice' })
const { players, game } = await next('match-started')
require(game === 'coin-arena' && players.length === 4, `${game} with ${players}`)
await next('match-ended')
const own = players.indexOf('Ann')
const places = heard
  .filter(({ type }) => type === 'state')
  .map(({ view }) => view.players.filter(({ seat }) => seat !== own).map(({ x, y }) => [x, y]))
require(new Set(places.map(String)).size > 10, 'the bots stand still')
send({ type: 'sign-out' })
await next('signed-out')

if (isWindows) lobby.kill()
else lobby.kill('SIGTERM')
await ended
// Ann's connection ends with the lobby.
if (!socket.closed)
  await once(
    socket.on('error', () => {}),
    'close'
  )
if (!isWindows) require(said.includes('Draining'), `SIGTERM did not drain:\n${said}`)
console.log(`play: a match of ${players.join(', ')} on ${process.platform}`)
process.exit(0)
