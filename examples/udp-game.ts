// A UDP game tick: players send where they move, the server answers all of them 30 times a second.
// Shows runLoop(), one datagram in and one out for each player and tick, and silent players.
// Run it with `npx tsx examples/udp-game.ts`; `0 --bot` after it adds a bot. Run a copy of it with
// `node udp-game.mts` (before Node 22.18: `npx tsx udp-game.mts`). End it with Ctrl-C.
// Leaves out reliability: a lost snapshot is lost, and the next one has everything.
import { realpathSync } from 'node:fs'
import {
  type EndPoint,
  type LoopStats,
  Poller,
  runLoop,
  type SocketAddress,
  type UdpSocket
} from 'pollport'

export const HZ = 30
const SILENT_TICKS = HZ * 5
const MAX_PLAYERS = 200
/** The arena reaches so far from its middle: a place fits into 16 bits. */
export const ARENA = 1000

interface Player {
  id: number
  address: SocketAddress
  x: number
  y: number
  lastHeardTick: number
}

/** The server, until the signal. A test gives it a poller of a simulated host. */
export function serve(poller: Poller, socket: UdpSocket, signal?: AbortSignal): Promise<LoopStats> {
  const players = new Map<string, Player>()
  let nextId = 1
  let now = 0

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

  return runLoop(poller, {
    hz: HZ,
    signal,
    onEvents(events) {
      for (const event of events) if (event.type === 'datagram') move(event.address, event.data)
    },
    onTick(tick) {
      now = tick
      for (const [key, player] of players) {
        if (tick - player.lastHeardTick > SILENT_TICKS) players.delete(key)
      }
      const snapshot = snapshotOf(tick, players)
      for (const player of players.values()) socket.send(snapshot, player.address)
    }
  })
}

function inArena(place: number): number {
  return Math.max(-ARENA, Math.min(ARENA, place))
}

/**
 * The tick, how many players, and each one's id and place: 5 + 6 bytes a player, which fits into
 * one packet.
 */
function snapshotOf(tick: number, players: ReadonlyMap<string, Player>): Buffer {
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

/** What a player sees: the newest snapshot. */
export class View {
  tick = -1
  /** The players' places by their ids. */
  readonly places = new Map<number, { x: number; y: number }>()

  take(snapshot: Buffer): void {
    if (snapshot.length < 5 || snapshot.length !== 5 + snapshot.readUInt8(4) * 6) return
    const tick = snapshot.readUInt32LE(0)
    if (!this.isNews(tick)) return
    this.tick = tick
    this.places.clear()
    for (let at = 5; at < snapshot.length; at += 6) {
      const place = { x: snapshot.readInt16LE(at + 2), y: snapshot.readInt16LE(at + 4) }
      this.places.set(snapshot.readUInt16LE(at), place)
    }
  }

  /** Packets overtake each other. Only a server that has started again has a much smaller tick. */
  protected isNews(tick: number): boolean {
    return tick > this.tick || tick < this.tick - SILENT_TICKS
  }
}

/** A bot that moves one way, until the signal. */
export async function play(
  poller: Poller,
  server: EndPoint,
  view: View,
  signal?: AbortSignal
): Promise<void> {
  const socket = poller.bindUdp({ address: '0.0.0.0', port: 0 })
  await runLoop(poller, {
    hz: HZ,
    signal,
    onEvents(events) {
      for (const event of events) if (event.type === 'datagram') view.take(event.data)
    },
    onTick() {
      socket.send(Buffer.of(1, -1), server)
    }
  })
}

async function main(): Promise<void> {
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  process.once('SIGTERM', () => stop.abort())
  const pollers = [new Poller(), new Poller()] as const
  const socket = pollers[0].bindUdp({ address: '127.0.0.1', port: Number(process.argv[2] ?? 0) })
  console.log(`game on port ${socket.localAddress.port}`)
  const game = serve(pollers[0], socket, stop.signal)
  if (process.argv.includes('--bot')) {
    const view = new View()
    setInterval(() => console.log(`bot sees ${view.places.size} player(s)`), 1000).unref()
    await play(pollers[1], socket.localAddress, view, stop.signal)
  }
  const { ticks, lateness } = await game
  console.log(`${ticks} ticks, 99 % at most ${lateness.p99Ms.toFixed(2)} ms late`)
  for (const poller of pollers) poller.close()
}

// A test imports the rest. `npx` and the like start a program by a symbolic link, too.
if (process.argv[1] && realpathSync(process.argv[1]) === import.meta.filename) await main()
