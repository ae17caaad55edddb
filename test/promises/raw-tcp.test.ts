// Raw TCP sockets against Node's own net: what each call answers.

import { once } from 'node:events'
import net from 'node:net'
import { Socket, SocketError, WOULD_BLOCK } from 'pollport'
import { describe, expect, onTestFinished, test } from 'vitest'
import { freePort, hasIpv6 } from '../support/net-peer.ts'
import { patternBytes } from '../support/poller-random.ts'
import {
  closing,
  codeOf,
  eventually,
  fill,
  LOCAL,
  rawListener,
  rawPair,
  resetCodeOf,
  untilConnected
} from '../support/raw-pair.ts'
import { isWindows, isWine } from '../support/system.ts'

/** A raw socket that is connected to a server of node:net, and the server's side of it. */
async function connectedToNet(): Promise<{ socket: Socket; peer: net.Socket }> {
  const server = net.createServer({ allowHalfOpen: true }).listen(0, LOCAL)
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const socket = closing(new Socket({ type: 'tcp', nonBlocking: true }))
  socket.connect({ address: LOCAL, port: (server.address() as net.AddressInfo).port })
  const [peer] = (await once(server, 'connection')) as [net.Socket]
  onTestFinished(() => void peer.destroy())
  peer.on('error', () => {})
  untilConnected(socket)
  return { socket, peer }
}

/** Receives until `bytes` are there or the peer has finished, giving Node's loop its turns. */
async function receive(socket: Socket, bytes: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let count = 0
  while (count < bytes) {
    const data = socket.recv()
    if (data === WOULD_BLOCK) {
      await new Promise(setImmediate)
      continue
    }
    if (data.length === 0) break
    parts.push(data)
    count += data.length
  }
  return Buffer.concat(parts)
}

test('bytes go both ways, as they are', async () => {
  const { socket, peer } = await connectedToNet()
  expect(socket.send('héllo')).toBe(6)
  expect(String((await once(peer, 'data'))[0])).toBe('héllo')
  peer.write(Buffer.from([0, 255, 10]))
  expect(await receive(socket, 3)).toEqual(Buffer.from([0, 255, 10]))
})

test('recv into a buffer says how many bytes; offset and length choose what send takes', async () => {
  const { near, far } = rawPair({ nonBlocking: false })
  expect(near.send(Buffer.from('0123456789'), 3, 4)).toBe(4)
  const into = Buffer.alloc(10, '.')
  expect(far.recv(into)).toBe(4)
  expect(String(into)).toBe('3456......')
  expect(near.send(new Uint8Array([65, 66, 67]), 1)).toBe(2)
  expect(String(far.recv())).toBe('BC')
})

test('what recv() gives is the program’s own: the next recv does not change it', () => {
  const { near, far } = rawPair({ nonBlocking: false })
  near.send('first')
  const first = far.recv()
  near.send('other')
  far.recv()
  expect(String(first)).toBe('first')
})

test('S.1 a full send buffer gives WOULD_BLOCK, and room comes back when the peer reads', () => {
  const { near, far } = rawPair()
  let left = fill(near)
  expect(left).toBeGreaterThan(0)
  while (left > 0) left -= eventually(() => far.recv()).length
  expect(eventually(() => near.send('x'))).toBe(1)
})

test('S.1 one send of more than the system holds: Linux takes a part, Windows perhaps all; then WOULD_BLOCK', () => {
  const { near, far } = rawPair()
  const bytes = patternBytes(16 * 1024 * 1024)
  let sent = near.send(bytes) as number
  expect(sent).toBeGreaterThan(0)
  // Windows may take a buffer of any size whole if it has room for some of it (Microsoft Learn,
  // "send function").
  if (!isWindows) expect(sent).toBeLessThan(bytes.length)
  // After a part there may be room for more: the system's other half of the connection takes some
  // over.
  for (const piece = bytes.subarray(0, 64 * 1024); ; ) {
    const taken = near.send(piece)
    if (taken === WOULD_BLOCK) break
    expect(taken).toBeGreaterThan(0)
    sent += taken
    if (sent > 1024 * bytes.length) throw new Error('the system takes everything')
  }
  sent += fill(near)
  let received = 0
  while (received < sent) received += eventually(() => far.recv()).length
  expect(received).toBe(sent)
  expect(far.recv()).toBe(WOULD_BLOCK)
})

test('nothing to receive and nobody to accept is WOULD_BLOCK', () => {
  const { near } = rawPair()
  expect(near.recv()).toBe(WOULD_BLOCK)
  expect(near.recv(Buffer.alloc(1))).toBe(WOULD_BLOCK)
  expect(rawListener({ nonBlocking: true }).accept()).toBe(WOULD_BLOCK)
})

test('accepted sockets block, whatever their listener does', () => {
  const listener = rawListener({ nonBlocking: true })
  const client = closing(new Socket({ type: 'tcp' }))
  client.connect(listener.localAddress)
  const accepted = closing(eventually(() => listener.accept()))
  expect(accepted.nonBlocking).toBe(false)
  expect(String(accepted.remoteAddress)).toBe(String(client.localAddress))
})

test('S.3 half-close: late data is received; sending after it is EPIPE', async () => {
  const { socket, peer } = await connectedToNet()
  socket.shutdown('write')
  peer.resume()
  await once(peer, 'end')
  peer.end('late data')
  expect(String(await receive(socket, 100))).toBe('late data')
  expect(socket.recv()).toEqual(Buffer.alloc(0))
  expect(socket.recv(Buffer.alloc(1))).toBe(0)
  expect(codeOf(() => socket.send('x'))).toBe('EPIPE')
})

test('S.4 reset(): the peer sees ECONNRESET', async () => {
  const { socket, peer } = await connectedToNet()
  peer.resume()
  socket.reset()
  const [error] = await once(peer, 'error')
  expect(error).toMatchObject({ code: 'ECONNRESET' })
  expect(socket.closed).toBe(true)
})

test('S.4 linger 0 makes close() a reset', () => {
  const { near, far } = rawPair()
  near.setOption('lingerMs', 0)
  near.close()
  expect(resetCodeOf(far)).toBe('ECONNRESET')
})

test('S.4 a reset by the peer is ECONNRESET, with the call that met it', async () => {
  const { socket, peer } = await connectedToNet()
  peer.resetAndDestroy()
  expect(() => eventually(() => socket.recv())).toThrow(
    expect.objectContaining({ name: 'SocketError', code: 'ECONNRESET', syscall: 'recv' })
  )
})

test('S.5 data, then a reset: Linux gives the data first; Windows may say ECONNRESET at once', () => {
  const { near, far } = rawPair()
  far.send('last words')
  far.reset()
  // A difference by nature: on a hard close Windows may throw away what was received and not read
  // yet.
  let words = ''
  const receiveAll = () => {
    for (;;) {
      const data = eventually(() => near.recv())
      if (data.length === 0) return 'an end'
      words += data
    }
  }
  if (isWine) {
    // Its server may have taken the socket's error before the receive asks for it; see
    // resetCodeOf().
    try {
      receiveAll()
    } catch (error) {
      expect(error).toMatchObject({ code: 'ECONNRESET' })
    }
  } else {
    expect(codeOf(receiveAll)).toBe('ECONNRESET')
  }
  expect(isWindows ? ['', 'last words'] : ['last words']).toContain(words)
})

test('S.6 sending to a closed peer: the first goes, a later one says so', async () => {
  const { near, far } = rawPair()
  far.close()
  expect(near.send('x')).toBe(1)
  // The answer to it is a reset; until that is here, more may go.
  const sendUntilRefused = () => {
    for (const end = performance.now() + 5000; performance.now() < end; ) near.send('x')
  }
  expect(['EPIPE', 'ECONNRESET', 'ECONNABORTED']).toContain(codeOf(sendUntilRefused))
  expect(codeOf(() => near.send('x'))).toBe(isWindows ? 'ECONNRESET' : 'EPIPE')
})

function exclusiveListener(): Socket {
  const listener = closing(new Socket({ type: 'tcp' }))
  listener.setOption('exclusiveAddress', true)
  listener.bind({ address: LOCAL, port: 0 })
  listener.listen()
  return listener
}

function sharingListener(): Socket {
  const listener = closing(new Socket({ type: 'tcp' }))
  listener.setOption('reuseAddress', true)
  listener.bind({ address: LOCAL, port: 0 })
  listener.listen()
  return listener
}

test('S.7 an address in use, and one that is not of this machine', () => {
  const listener = rawListener()
  const other = closing(new Socket({ type: 'tcp' }))
  const { address, port } = listener.localAddress
  expect(() => other.bind({ address, port })).toThrow(
    expect.objectContaining({ code: 'EADDRINUSE', syscall: 'bind', address, port })
  )
  // With SO_REUSEADDR Windows lets a port be taken away, unless its owner has it exclusively.
  // On Linux it does not help against one that listens, not even if both have it.
  const owner = isWindows ? exclusiveListener() : sharingListener()
  other.setOption('reuseAddress', true)
  expect(
    codeOf(() => {
      other.bind(owner.localAddress)
      other.listen()
    })
  ).toBe(isWindows ? 'EACCES' : 'EADDRINUSE')
  expect(
    codeOf(() => closing(new Socket({ type: 'tcp' })).bind({ address: '192.0.2.1', port: 0 }))
  ).toBe('EADDRNOTAVAIL')
})

test('a blocking connect that is refused says where', async () => {
  const port = await freePort()
  const socket = closing(new Socket({ type: 'tcp' }))
  expect(() => socket.connect({ address: LOCAL, port })).toThrow(
    expect.objectContaining({ code: 'ECONNREFUSED', syscall: 'connect', address: LOCAL, port })
  )
})

test('S.9 a reset before accept: accept succeeds, the receive says ECONNRESET', () => {
  const listener = rawListener({ nonBlocking: true })
  const client = closing(new Socket({ type: 'tcp' }))
  client.connect(listener.localAddress)
  client.reset()
  const accepted = closing(eventually(() => listener.accept()))
  expect(resetCodeOf(accepted)).toBe('ECONNRESET')
})

test('S.10 closing a listener ends the clients in its backlog', () => {
  const listener = rawListener()
  const client = closing(new Socket({ type: 'tcp' }))
  client.connect(listener.localAddress)
  listener.close()
  client.nonBlocking = true
  expect(resetCodeOf(client)).toBe('ECONNRESET')
})

test('nonBlocking can be switched, and reads back', () => {
  const socket = closing(new Socket({ type: 'tcp' }))
  expect(socket.nonBlocking).toBe(false)
  socket.nonBlocking = true
  expect(socket.nonBlocking).toBe(true)
  socket.nonBlocking = false
  expect(socket.nonBlocking).toBe(false)
})

describe.runIf(hasIpv6)('IPv6', () => {
  test('a connection over ::1', () => {
    const listener = rawListener({ address: '::1' })
    const client = closing(new Socket({ type: 'tcp', family: 'ipv6' }))
    client.connect(listener.localAddress)
    expect(listener.localAddress).toMatchObject({ address: '::1', family: 'ipv6' })
    expect(String(client.remoteAddress)).toBe(`[::1]:${listener.localAddress.port}`)
  })

  test('S.19 dual stack: an IPv4 client appears as ::ffff:127.0.0.1, and ipv6Only refuses it', () => {
    const accepting = (ipv6Only: boolean) => {
      const listener = closing(new Socket({ type: 'tcp', family: 'ipv6' }))
      listener.setOption('ipv6Only', ipv6Only)
      listener.bind({ address: '::', port: 0 })
      listener.listen()
      return listener
    }
    const both = accepting(false)
    const client = closing(new Socket({ type: 'tcp' }))
    client.connect({ address: LOCAL, port: both.localAddress.port })
    expect(closing(both.accept() as Socket).remoteAddress.address).toBe('::ffff:127.0.0.1')
    const only = accepting(true)
    const refused = closing(new Socket({ type: 'tcp' }))
    expect(codeOf(() => refused.connect({ address: LOCAL, port: only.localAddress.port }))).toBe(
      'ECONNREFUSED'
    )
  })
})

test('S.19 a socket given an address of the other family says so before it calls', () => {
  const socket = closing(new Socket({ type: 'tcp' }))
  expect(codeOf(() => socket.connect({ address: '::1', port: 1 }))).toBe('EAFNOSUPPORT')
  expect(() => socket.bind({ address: '::1', port: 1 })).toThrow(SocketError)
  if (hasIpv6) {
    const ipv6 = closing(new Socket({ type: 'tcp', family: 'ipv6' }))
    expect(codeOf(() => ipv6.bind({ address: LOCAL, port: 0 }))).toBe('EAFNOSUPPORT')
  }
})
