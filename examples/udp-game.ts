// A UDP game tick: players send where they move, the server answers all of them 30 times a second.
// Shows runLoop(), one datagram in and one out for each player and tick, and silent players.
// Run it with `npx tsx examples/udp-game.ts`; `0 --bot` after it adds a bot. Run a copy of it with
// `node udp-game.mts` (before Node 22.18: `npx tsx udp-game.mts`). End it with Ctrl-C.
// Leaves out reliability: a lost snapshot is lost, and the next one has everything.
import { Poller, runLoop, type SocketAddress } from 'pollport'

const HZ = 30
const SILENT_TICKS = HZ * 5
const MAX_PLAYERS = 200
/** The arena reaches so far from its middle: a place fits into 16 bits. */
const ARENA = 1000

interface Player {
  id: number
  address: SocketAddress
  x: number
  y: number
  lastHeardTick: number
}

const poller = new Poller()
const server = poller.bindUdp({ address: '127.0.0.1', port: Number(process.argv[2] ?? 0) })
const players = new Map<string, Player>()
const stop = new AbortController()
let nextId = 1
let now = 0

process.once('SIGINT', () => stop.abort())
process.once('SIGTERM', () => stop.abort())
console.log(`game on port ${server.localAddress.port}`)

const bot = process.argv.includes('--bot')
  ? poller.bindUdp({ address: '127.0.0.1', port: 0 })
  : undefined

const stats = await runLoop(poller, {
  hz: HZ,
  signal: stop.signal,
  onEvents(events) {
    for (const event of events) {
      if (event.type !== 'datagram') continue
      if (event.socket === bot) console.log(`bot sees ${event.data.readUInt8(4)} player(s)`)
      else move(event.address, event.data)
    }
  },
  onTick(tick) {
    now = tick
    bot?.send(moveOf(1, -1), server.localAddress)
    for (const [key, player] of players) {
      if (tick - player.lastHeardTick > SILENT_TICKS) players.delete(key)
    }
    const snapshot = snapshotOf(tick)
    for (const player of players.values()) server.send(snapshot, player.address)
  }
})
console.log(`${stats.ticks} ticks, 99 % at most ${stats.lateness.p99Ms.toFixed(2)} ms late`)
poller.close()

function move(address: SocketAddress, data: Buffer): void {
  // Check all input: any program can send anything to a UDP port.
  if (data.length !== 2) return
  const key = `${address}`
  let player = players.get(key)
  if (player === undefined) {
    if (players.size >= MAX_PLAYERS) return
    player = { id: nextId++ & 0xffff, address, x: 0, y: 0, lastHeardTick: now }
    players.set(key, player)
  }
  player.x = inArena(player.x + Math.sign(data.readInt8(0)))
  player.y = inArena(player.y + Math.sign(data.readInt8(1)))
  player.lastHeardTick = now
}

function inArena(place: number): number {
  return Math.max(-ARENA, Math.min(ARENA, place))
}

function moveOf(dx: number, dy: number): Buffer {
  return Buffer.from(Int8Array.of(dx, dy))
}

/**
 * The tick, how many players, and each one's id and place: 5 + 6 bytes a player, which fits into
 * one packet.
 */
function snapshotOf(tick: number): Buffer {
  const snapshot = Buffer.alloc(5 + players.size * 6)
  snapshot.writeUInt32LE(tick, 0)
  snapshot.writeUInt8(players.size, 4)
  let at = 5
  for (const player of players.values()) {
    snapshot.writeUInt16LE(player.id, at)
    snapshot.writeInt16LE(player.x, at + 2)
    snapshot.writeInt16LE(player.y, at + 4)
    at += 6
  }
  return snapshot
}
