// The other side of a TCP connection, played by Node's own net or by the simulation: what it
// received, and how its connection ended. It only moves while Node's loop turns, which
// Probe.until() lets it do.
import type { TcpConnection, TcpListener } from 'pollport'
import { onTestFinished } from 'vitest'
import type { Probe } from './poller-probe.ts'
import { type PeerSocket, tested } from './tested-system.ts'

export const LOCAL = '127.0.0.1'
export const { hasIpv6 } = tested

export class NetPeer {
  readonly socket: PeerSocket
  readonly #chunks: Buffer[] = []
  receivedBytes = 0
  connected = false
  /** Known from the connect on, also when the socket is gone. */
  localPort: number | undefined
  /** The other side sent its FIN. */
  ended = false
  closed = false
  errorCode: string | undefined

  constructor(socket: PeerSocket, options: { keep?: boolean; paused?: boolean } = {}) {
    this.socket = socket
    this.connected = !socket.connecting
    this.localPort = socket.localPort
    socket.on('connect', () => {
      this.connected = true
      this.localPort = socket.localPort
    })
    socket.on('end', () => {
      this.ended = true
    })
    socket.on('close', () => {
      this.closed = true
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.errorCode = error.code
    })
    if (options.paused) {
      socket.pause()
    } else {
      socket.on('data', (chunk) => {
        this.receivedBytes += chunk.length
        if (options.keep !== false) this.#chunks.push(chunk)
      })
    }
  }

  get received(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  /** Starts to read what a paused peer has left unread. */
  readOn(): void {
    this.socket.on('data', (chunk) => {
      this.receivedBytes += chunk.length
      this.#chunks.push(chunk)
    })
    this.socket.resume()
  }
}

interface PeerOptions {
  /** The client's own end point; by default the system chooses one. */
  localAddress?: string
  localPort?: number
  /** false: counts bytes only. */
  keep?: boolean
  /** true: never reads, until readOn(). */
  paused?: boolean
}

/** A client. Each direction is finished on its own: nothing answers a FIN by itself. */
export function connectPeer(
  to: { address: string; port: number },
  options: PeerOptions = {}
): NetPeer {
  const { address, port } = to
  const { localAddress, localPort } = options
  const socket = tested.connect({ address, port, localAddress, localPort })
  onTestFinished(() => void socket.destroy())
  return new NetPeer(socket, options)
}

/** A server whose accepted peers gather in `peers`. */
export async function listenPeer(
  options: PeerOptions & { address?: string; onPeer?: (peer: NetPeer) => void } = {}
) {
  const peers: NetPeer[] = []
  const { address = LOCAL, paused: isPaused = false, onPeer } = options
  const server = await tested.listen({ address, isPaused }, (socket) => {
    const peer = new NetPeer(socket, options)
    peers.push(peer)
    onPeer?.(peer)
  })
  onTestFinished(() => {
    for (const peer of peers) peer.socket.destroy()
    server.close()
  })
  return { peers, address, port: server.port }
}

/**
 * Below the ports that systems choose themselves, for a listener on port 0 or for a client: Linux
 * from 32768 on, Windows from 49152 on. One of those could be taken by another test meanwhile.
 */
const FIRST_PORT = 20_000
const LAST_PORT = 32_000
const MOST_TRIES = 100

/** Processes that run at once begin at different ones. */
const PORTS_A_PROCESS = 100

let nextPort = FIRST_PORT + ((process.pid * PORTS_A_PROCESS) % (LAST_PORT - FIRST_PORT))

/** A port of this machine on which nothing listens. A process gets each of them once. */
export async function freePort(): Promise<number> {
  for (let tries = 1; ; tries++) {
    const port = nextPort
    nextPort = port < LAST_PORT ? port + 1 : FIRST_PORT
    try {
      const server = await tested.listen({ address: LOCAL, port, isPaused: false }, () => {})
      await server.close()
      return port
    } catch (error) {
      if (tries === MOST_TRIES) throw error // It is not that all of them are in use.
    }
  }
}

/** A listener of the probe's poller with a client of the other side connected to it. */
export async function acceptedPair<U>(
  probe: Probe<U>,
  options: PeerOptions & { userPtr?: U } = {}
): Promise<{ listener: TcpListener<U>; connection: TcpConnection<U>; peer: NetPeer }> {
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 }, options.userPtr)
  return { listener, ...(await acceptPeer(probe, listener, options)) }
}

/**
 * One more client of the other side at that listener, which may be reached by another address than
 * its own.
 */
export async function acceptPeer<U>(
  probe: Probe<U>,
  listener: TcpListener<U>,
  options: PeerOptions & { to?: { address: string; port: number } } = {}
): Promise<{ connection: TcpConnection<U>; peer: NetPeer }> {
  const acceptedBefore = probe.seen('accept').length
  const peer = connectPeer(options.to ?? listener.localAddress, options)
  let connection: TcpConnection<U> | undefined
  await probe.until('a client of the other side is accepted', () => {
    if (peer.errorCode !== undefined && !peer.connected) {
      throw new Error(
        `the client could not connect: ${peer.errorCode}, from port ${options.localPort ?? 'any'}`
      )
    }
    // The port alone would not do: clients of different listeners may have the same one, and so may
    // a client that is gone.
    connection = probe
      .seen('accept')
      .slice(acceptedBefore)
      .find(
        (event) => event.listener === listener && event.socket.remoteAddress.port === peer.localPort
      )?.socket
    return peer.connected && connection !== undefined
  })
  return { connection: connection as TcpConnection<U>, peer }
}
