// The second process: any number of bots on pollport's client side, all of them on one Poller and one loop. Knows sockets and time; how a bot
// plays is in bot.ts. Started by main.ts, it reports there once a second and ends when the channel to it closes.
import { build } from 'hdr-histogram-js'
import { FrameDecoder, type PollEvent, Poller, runLoop, type TcpConnection } from 'pollport'
import { Bot } from './bot.ts'
import { MAX_REPLY_BYTES, bots as pace } from './config.ts'
import type { BotReport } from './figures.ts'
import { encode, LENGTH_BYTES, parseMessage, type Request, type ServerMessage } from './protocol.ts'

interface Player {
  readonly name: string
  bot: Bot
  decoder: FrameDecoder
  connection: TcpConnection<Player> | undefined
  state: 'waiting' | 'connecting' | 'playing' | 'leaving'
  actAtMs: number
  pingAtMs: number
  /** When the ping was sent that has no answer yet. */
  pingedMs: number | undefined
}

const [address, port, count] = process.argv.slice(2)
const poller = new Poller<Player>()
const players = Array.from({ length: Number(count) }, (_, number) => newPlayer(`bot ${number + 1}`))
/** Not connected, the next one first; each with the time before which it does not try. */
const waiting = players.map((player) => ({ player, fromMs: 0 }))
let connecting = 0
let mayConnect = 0
let reportAtMs = 0

/** Of the last second, in microseconds. */
const roundTrips = build({
  lowestDiscernibleValue: 1,
  highestTrackableValue: 60_000_000,
  numberOfSignificantValueDigits: 3
})
let lost = 0

const end = new AbortController()
if (!process.connected) end.abort()
process.on('disconnect', () => end.abort()) // the server ends, or is gone, however it went
process.on('SIGINT', () => {}) // Ctrl-C reaches both processes; the server's closes the channel

// runLoop() and not run(): a tick is when the bots act, and round trips are measured best by a thread that itself waits for the answers.
await runLoop(poller, { hz: pace.ticksPerSecond, onEvents, onTick, signal: end.signal })
poller.close()

function newPlayer(name: string): Player {
  return {
    name,
    bot: new Bot(name, Math.random),
    decoder: new FrameDecoder({ lengthBytes: LENGTH_BYTES, maxFrame: MAX_REPLY_BYTES }),
    connection: undefined,
    state: 'waiting',
    actAtMs: 0,
    pingAtMs: 0,
    pingedMs: undefined
  }
}

function onTick(tick: number): void {
  const nowMs = performance.now()
  connectSome(nowMs)
  for (const player of players) {
    if (player.state !== 'playing') continue
    if (nowMs >= player.actAtMs) {
      player.actAtMs = nowMs + pace.minPauseMs + Math.random() * (pace.maxPauseMs - pace.minPauseMs)
      const command = player.bot.act()
      if (command !== undefined) send(player, command)
    }
    if (nowMs >= player.pingAtMs && player.pingedMs === undefined) {
      player.pingAtMs = nowMs + pace.pingEveryMs
      player.pingedMs = nowMs
      send(player, { type: 'ping', id: tick })
    }
  }
  if (nowMs >= reportAtMs) report(nowMs)
}

/** A paced ramp, so that a thousand bots do not overflow the listener's backlog. */
function connectSome(nowMs: number): void {
  mayConnect = Math.min(mayConnect + pace.connectsPerSecond / pace.ticksPerSecond, pace.maxConnecting)
  while (mayConnect >= 1 && connecting < pace.maxConnecting && waiting.length > 0 && waiting[0].fromMs <= nowMs) {
    const { player } = waiting.shift() as (typeof waiting)[number]
    mayConnect--
    connecting++
    player.state = 'connecting'
    player.connection = poller.connectTcp({ address, port: Number(port) }, player)
  }
}

function send(player: Player, command: Request): void {
  player.connection?.send(encode(command))
}

function onEvents(events: PollEvent<Player>[]): void {
  for (const event of events) {
    if (event.type === 'wake') continue
    const player = event.userPtr as Player
    if (event.type === 'connect') onConnect(player)
    if (event.type === 'receive') {
      for (const frame of player.decoder.push(event.data)) onMessage(player, parseMessage(frame))
    }
    if (event.type === 'end') {
      player.state = 'leaving'
      event.socket.end()
    }
    if (event.type === 'close') onClose(player)
  }
}

function onConnect(player: Player): void {
  connecting--
  player.state = 'playing'
  // Spread over a second, so that they do not all speak in the same tick.
  player.actAtMs = performance.now() + Math.random() * 1000
  player.pingAtMs = performance.now() + Math.random() * pace.pingEveryMs
}

function onMessage(player: Player, message: ServerMessage): void {
  player.bot.hear(message)
  if (message.type !== 'pong' || player.pingedMs === undefined) return
  roundTrips.recordValue(Math.round((performance.now() - player.pingedMs) * 1000))
  player.pingedMs = undefined
}

/** Refused, or lost: it comes again later, as a new player. */
function onClose(player: Player): void {
  if (player.state === 'connecting') connecting--
  lost++
  const { faults } = player.bot
  Object.assign(player, newPlayer(player.name))
  player.bot.faults = faults
  waiting.push({ player, fromMs: performance.now() + pace.reconnectMs })
}

function report(nowMs: number): void {
  reportAtMs = nowMs + pace.reportEveryMs
  const last: BotReport = {
    lost,
    faults: players.reduce((sum, { bot }) => sum + bot.faults, 0),
    p50Ms: roundTrips.getValueAtPercentile(50) / 1000,
    p99Ms: roundTrips.getValueAtPercentile(99) / 1000
  }
  roundTrips.reset()
  // The callback takes what goes wrong when the server vanishes in this very moment: 'disconnect' tells that too.
  if (process.connected) process.send?.(last, undefined, undefined, () => {})
}
