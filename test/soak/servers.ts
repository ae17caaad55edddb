// One server of the soak, in a process of its own: it sends everything back. Its arguments: wait,
// run, hand-over or raw, and how many milliseconds lie between two samples. Prints lines of JSON:
// first its ports, then each sample, what the process holds. With `--leak-bytes` or
// `--leak-descriptors` it loses something each second.
import { readFileSync, writeSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import {
  EPOLLIN,
  EPOLLOUT,
  Epoll,
  Iocp,
  Overlapped,
  type PollEvent,
  Poller,
  Socket,
  type TcpListener,
  WOULD_BLOCK
} from 'pollport'
import { countDescriptors } from '../support/descriptors.ts'
import { ringDescriptors } from '../support/rings.mjs'

const ANY = { address: '127.0.0.1', port: 0 }
const WAIT_MS = 100
const LEAK_BYTES = 4 * 1024

const [kind, sampleEvery, leak] = process.argv.slice(2)
const sampleMs = Number(sampleEvery)
const leaked: unknown[] = []
let nextSampleMs = 0
/** The rings of Node's own loops. */
let ringsOfNode = rings()
/** One for each thread; the raw objects need none. */
const pollers = { wait: 1, run: 1, 'hand-over': 2 }[kind ?? ''] ?? 0
/** Sockets that the pollers of this process have at the moment. */
let sockets = () => 0

function say(what: object): void {
  writeSync(1, `${JSON.stringify(what)}\n`)
}

/** Called as often as one likes; does something once a sample. */
function sample(): void {
  const now = performance.now()
  if (now < nextSampleMs) return
  nextSampleMs = now + sampleMs
  if (leak === '--leak-bytes') leaked.push(Buffer.alloc((LEAK_BYTES * sampleMs) / 1000, 1))
  if (leak === '--leak-descriptors') leaked.push(new Socket({ type: 'udp' }))
  globalThis.gc?.() // what is left is held by somebody
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage()
  say({
    atMs: now,
    rss,
    heapUsed,
    external,
    arrayBuffers,
    native: nativeBytes(),
    descriptors: countDescriptors() - ringsOfPollers(),
    sockets: sockets()
  })
}

/**
 * A poller opens its io_uring with the first flush to several connections, whenever that comes, and
 * keeps it: it is no leak. A second one of the same poller is.
 */
function ringsOfPollers(): number {
  return Math.min(rings() - ringsOfNode, pollers)
}

function rings(): number {
  return process.platform === 'linux' ? ringDescriptors().length : 0
}

/**
 * What malloc's own arena holds of memory: Linux tells it, Windows' is a part of the working set
 * only.
 */
function nativeBytes(): number {
  if (process.platform !== 'linux') return 0
  const heap = /\[heap\]\n(?:.*\n)*?Rss:\s+(\d+) kB/.exec(readFileSync('/proc/self/smaps', 'utf8'))
  return Number(heap?.[1] ?? 0) * 1024
}

/** What every server on the unified floor does; a peer that does not read is not read from. */
function echo(event: PollEvent): void {
  if (event.type === 'receive') {
    if (!event.socket.send(event.data)) event.socket.pause()
  } else if (event.type === 'drain' && 'end' in event.socket) event.socket.resume()
  else if (event.type === 'end') event.socket.end()
  else if (event.type === 'datagram') event.socket.send(event.data, event.address)
}

function open(poller: Poller): TcpListener {
  const listener = poller.listenTcp(ANY)
  const udp = poller.bindUdp({ ...ANY, receiveBufferSize: 1024 * 1024 })
  sockets = () => poller.stats.sockets
  say({ tcp: listener.localAddress.port, udp: udp.localAddress.port })
  return listener
}

function serveByWait(): void {
  const poller = new Poller({ highWaterMarkBytes: 64 * 1024 })
  open(poller)
  for (;;) {
    for (const event of poller.wait(WAIT_MS)) echo(event)
    sample()
  }
}

function serveByRun(): void {
  const poller = new Poller({ highWaterMarkBytes: 64 * 1024 })
  open(poller)
  setInterval(sample, 100)
  void poller.run((events) => {
    for (const event of events) echo(event)
  })
}

/** Accepts, and gives every connection to another thread at once. */
function serveByHandOver(): void {
  const poller = new Poller()
  const worker = new Worker(new URL('adopting.mjs', import.meta.url), { execArgv: [] })
  worker.once('online', () => {
    ringsOfNode = rings() // its loop has some, and its poller none before it sends
  })
  open(poller)
  setInterval(sample, 100)
  void poller.run((events) => {
    for (const event of events) {
      if (event.type === 'accept') worker.postMessage(event.socket.detach())
      else echo(event)
    }
  })
}

async function serveRaw(): Promise<void> {
  const listener = new Socket({ type: 'tcp', nonBlocking: true })
  listener.bind(ANY)
  listener.listen()
  say({ tcp: listener.localAddress.port })
  const turn = process.platform === 'win32' ? rawPort(listener) : rawEpoll(listener)
  for (;;) {
    turn()
    sample()
    await nextTurn() // finalizers of what was dropped
  }
}

/** `rest` is what the system did not take: nothing more is received before it has. */
interface Client {
  rest: Buffer | undefined
}

function rawEpoll(listener: Socket): () => void {
  const epoll = new Epoll<Client | undefined>()
  epoll.add(listener, undefined)
  sockets = () => epoll.size
  const room = Buffer.alloc(64 * 1024)
  const serve = (socket: Socket, client: Client) => {
    let data = client.rest
    if (data === undefined) {
      const received = socket.recv(room)
      if (received === WOULD_BLOCK) return
      if (received === 0) return socket.close()
      data = room.subarray(0, received)
    }
    const sent = socket.send(data)
    const rest = data.subarray(sent === WOULD_BLOCK ? 0 : sent)
    const had = client.rest !== undefined
    client.rest = rest.length > 0 ? Buffer.from(rest) : undefined
    if (had !== rest.length > 0) epoll.modify(socket, rest.length > 0 ? EPOLLOUT : EPOLLIN)
  }
  return () => {
    for (const { socket, userPtr } of epoll.wait(WAIT_MS)) {
      if (userPtr !== undefined) {
        try {
          serve(socket, userPtr)
        } catch {
          socket.close() // a reset
        }
        continue
      }
      const accepted = listener.accept()
      if (accepted === WOULD_BLOCK) continue
      accepted.nonBlocking = true
      epoll.add(accepted, { rest: undefined })
    }
  }
}

function rawPort(listener: Socket): () => void {
  const iocp = new Iocp<{ receive: Overlapped } | undefined>()
  const clients = new Set<Socket>()
  iocp.add(listener, undefined)
  sockets = () => clients.size + 1
  listener.overlappedAccept()
  const serve = (
    socket: Socket,
    { receive }: { receive: Overlapped },
    overlapped: Overlapped,
    bytes: number
  ) => {
    if (overlapped !== receive) socket.overlappedReceive(4096, receive)
    else if (bytes > 0) socket.overlappedSend(overlapped.data)
    else {
      clients.delete(socket)
      socket.close()
    }
  }
  return () => {
    for (const { socket, userPtr, overlapped, bytesTransferred, error } of iocp.wait(WAIT_MS)) {
      if (userPtr === undefined) {
        const accepted = overlapped?.accepted
        listener.overlappedAccept(overlapped)
        if (accepted === undefined) continue
        const client = { receive: new Overlapped() }
        iocp.add(accepted, client)
        clients.add(accepted)
        accepted.overlappedReceive(4096, client.receive)
      } else if (socket !== undefined && !socket.closed && overlapped !== undefined) {
        try {
          if (error !== undefined) throw error
          serve(socket, userPtr, overlapped, bytesTransferred)
        } catch {
          clients.delete(socket)
          socket.close()
        }
      }
    }
  }
}

if (kind === 'wait') serveByWait()
else if (kind === 'run') serveByRun()
else if (kind === 'hand-over') serveByHandOver()
else void serveRaw()
