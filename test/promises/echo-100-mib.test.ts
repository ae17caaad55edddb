// 100 MiB to an echo server and back, in random pieces, with a hash at the end: node:net on one
// side, a Poller on the other, both ways round.
import { createHash } from 'node:crypto'
import net from 'node:net'
import type { TcpConnection } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { connectPeer, LOCAL } from '../support/net-peer.ts'
import { openProbe, type Probe } from '../support/poller-probe.ts'
import { newSeed, patternBytes, randomFrom } from '../support/poller-random.ts'

const TOTAL = 100 * 1024 * 1024
const LIMITS = { timeout: 90_000 }

/**
 * Pieces of random length out of a random pattern, TOTAL bytes in all; `hash` covers what was given
 * out.
 */
function pieces(seed: number) {
  const random = randomFrom(seed)
  const pattern = patternBytes(2 * 1024 * 1024, seed)
  const hash = createHash('sha256')
  let given = 0
  return {
    hash,
    next(): Buffer | undefined {
      if (given === TOTAL) return undefined
      // Mostly small ones, some large: lengths are spread over powers of two.
      const length = Math.min(1 + random(1 << (4 + random(15))), TOTAL - given)
      const at = random(pattern.length - length)
      const piece = pattern.subarray(at, at + length)
      given += length
      hash.update(piece)
      return piece
    }
  }
}

/** The echo server of the README: stops reading from a peer that does not read. */
function echo(probe: Probe): void {
  probe.onEvent = (event) => {
    if (event.type === 'receive' && !event.socket.send(event.data)) event.socket.pause()
    if (event.type === 'drain') (event.socket as TcpConnection<unknown>).resume()
    if (event.type === 'end') event.socket.end()
  }
}

test('a client of node:net has 100 MiB echoed by a Poller', LIMITS, async () => {
  const seed = newSeed()
  const source = pieces(seed)
  const probe = openProbe()
  probe.keeps = false
  echo(probe)
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const peer = connectPeer(listener.localAddress, { keep: false })
  const received = createHash('sha256')
  peer.socket.on('data', (chunk) => void received.update(chunk))
  const write = () => {
    for (let piece = source.next(); piece; piece = source.next()) {
      if (!peer.socket.write(piece)) {
        peer.socket.once('drain', write)
        return
      }
    }
    peer.socket.end()
  }
  write()
  await probe.until(`all of it is back, and the end (seed ${seed})`, () => peer.ended, 80_000)
  expect(peer.receivedBytes).toBe(TOTAL)
  expect(received.digest('hex'), `seed ${seed}`).toBe(source.hash.digest('hex'))
  expect(probe.poller.stats).toMatchObject({ bytesReceived: TOTAL, bytesSent: TOTAL })
})

test('a client on a Poller has 100 MiB echoed by node:net', LIMITS, async () => {
  const seed = newSeed()
  const source = pieces(seed)
  const server = net
    .createServer((socket) => socket.on('error', () => {}).pipe(socket))
    .listen(0, LOCAL)
  onTestFinished(() => void server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const probe = openProbe()
  probe.keeps = false
  const received = createHash('sha256')
  const connection = probe.poller.connectTcp({
    address: LOCAL,
    port: (server.address() as net.AddressInfo).port
  })
  let isClosed = false
  const send = () => {
    for (let piece = source.next(); piece; piece = source.next())
      if (!connection.send(piece)) return
    connection.end()
  }
  probe.onEvent = (event) => {
    if (event.type === 'connect' || event.type === 'drain') send()
    if (event.type === 'receive') received.update(event.data)
    if (event.type === 'close') isClosed = true
  }
  await probe.until(`all of it is back, and the close (seed ${seed})`, () => isClosed, 80_000)
  expect(connection.bytesReceived).toBe(TOTAL)
  expect(connection.bytesSent).toBe(TOTAL)
  expect(received.digest('hex'), `seed ${seed}`).toBe(source.hash.digest('hex'))
})
