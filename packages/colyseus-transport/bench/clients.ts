// All the clients in one process, by pollport's own WebSockets: they join, move, and count what
// comes. What it costs here is not measured.
import { getMessageBytes, Protocol } from '@colyseus/core'
import { Poller } from 'pollport'
import { connectWebSocket, type WebSocket } from 'pollport/websocket'
import type { Workload } from './workload.ts'

const JOINED = Uint8Array.of(Protocol.JOIN_ROOM)
/** How many join at the same time. */
const AT_ONCE = 50
const VARIANTS = 64
/** A prime: each client has its turn. */
const STRIDE = 617

const moves = Array.from({ length: VARIANTS }, (_, at) =>
  getMessageBytes.raw(Protocol.ROOM_DATA, 'move', { x: at * 1.5, y: 1000 - at / 3 })
)
const poller = new Poller()
const clients: WebSocket[] = []
let patches = 0
let sent = 0

process.on('message', (command: Command) => {
  commands.push(command)
})
interface Command {
  port?: number
  paths?: string[]
  workload?: Workload
  seconds?: number
}
const commands: Command[] = []

function join(port: number, path: string, onJoined: () => void): void {
  const socket = connectWebSocket(poller, {
    address: '127.0.0.1',
    port,
    path,
    pingIntervalMs: 0,
    idleTimeoutMs: 0,
    onMessage: (_socket, data) => {
      const protocol = data[0]
      if (protocol === Protocol.ROOM_STATE_PATCH) patches++
      else if (protocol === Protocol.JOIN_ROOM) {
        socket.send(JOINED)
        clients.push(socket)
        onJoined()
      } else if (protocol === Protocol.ERROR) throw new Error(`not joined: ${data}`)
    },
    onClose: (_socket, code, reason) => {
      throw new Error(`a client was closed: ${code} ${reason}`)
    }
  })
}

async function joinAll(port: number, paths: string[]): Promise<void> {
  let next = 0
  await new Promise<void>((resolve) => {
    const joinNext = () => {
      const path = paths[next++]
      if (path !== undefined) join(port, path, joinNext)
      else if (clients.length === paths.length) resolve()
    }
    for (let started = 0; started < AT_ONCE; started++) joinNext()
  })
}

/** Evenly over the time, and over the rooms: clients of one room have joined one after another. */
async function moveFor({ movesPerSecond }: Workload, seconds: number): Promise<void> {
  const startedAt = performance.now()
  let due = 0
  for (let at = 0; due >= at; ) {
    const elapsed = (performance.now() - startedAt) / 1000
    due = Math.floor(Math.min(elapsed, seconds) * movesPerSecond * clients.length)
    for (; at < due; at++, sent++)
      clients[(at * STRIDE) % clients.length]?.send(moves[(at * 7) % VARIANTS] as Buffer)
    if (elapsed >= seconds) return
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

process.on('disconnect', () => process.exit(0))
poller.run(() => {})
process.send?.({})
for (;;) {
  const command = commands.shift()
  if (command === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    continue
  }
  const { port, paths, workload, seconds } = command
  if (port !== undefined && paths !== undefined) {
    await joinAll(port, paths)
    process.send?.({})
  } else if (workload !== undefined && seconds !== undefined) {
    const before = { patches, moves: sent }
    await moveFor(workload, seconds)
    process.send?.({ patches: patches - before.patches, moves: sent - before.moves })
  }
}
