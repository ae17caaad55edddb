// Raw UDP sockets against Node's own dgram.

import dgram from 'node:dgram'
import { once } from 'node:events'
import { Socket, WOULD_BLOCK } from 'pollport'
import { describe, expect, onTestFinished, test } from 'vitest'
import { freeUdpPort } from '../support/dgram-peer.ts'
import { hasIpv6 } from '../support/net-peer.ts'
import { closing, codeOf, eventually, LOCAL, rawUdp } from '../support/raw-pair.ts'
import { isWine } from '../support/system.ts'

async function dgramPeer(): Promise<{ peer: dgram.Socket; port: number }> {
  const peer = dgram.createSocket('udp4')
  onTestFinished(() => void peer.close())
  peer.bind(0, LOCAL)
  await once(peer, 'listening')
  return { peer, port: peer.address().port }
}

test.each([0, 1, 1200, 65_507])(
  'S.17 a datagram of %d bytes goes and comes whole',
  async (bytes) => {
    const { peer, port } = await dgramPeer()
    const socket = rawUdp()
    const sent = Buffer.alloc(bytes, 'd')
    expect(socket.sendTo(sent, { address: LOCAL, port })).toBe(bytes)
    const [data, from] = await once(peer, 'message')
    expect(data.equals(sent)).toBe(true)
    peer.send(data, from.port, from.address)
    await new Promise(setImmediate)
    const into = Buffer.alloc(70_000)
    const got = eventually(() => socket.recvFrom(into))
    expect(got).toMatchObject({ bytes, truncated: false })
    expect(String(got.address)).toBe(`${LOCAL}:${port}`)
    expect(into.subarray(0, bytes).equals(sent)).toBe(true)
  }
)

test('S.17 one byte more is EMSGSIZE, with the address', () => {
  const to = { address: LOCAL, port: 9 }
  expect(() => rawUdp().sendTo(Buffer.alloc(65_508), to)).toThrow(
    expect.objectContaining({ code: 'EMSGSIZE', syscall: 'sendto', ...to })
  )
})

test('S.17 a datagram that does not fit: its beginning, the mark, and the next one whole', () => {
  const [from, to] = [rawUdp(), rawUdp()]
  from.sendTo('0123456789', to.localAddress)
  from.sendTo('next', to.localAddress)
  const into = Buffer.alloc(4)
  expect(eventually(() => to.recvFrom(into))).toMatchObject({ bytes: 4, truncated: true })
  expect(String(into)).toBe('0123')
  expect(eventually(() => to.recvFrom(into))).toMatchObject({ bytes: 4, truncated: false })
  expect(String(into)).toBe('next')
})

test('S.18 a full receive buffer drops datagrams and never stops the sender', () => {
  const [from, to] = [rawUdp(LOCAL, false), rawUdp()]
  to.setOption('receiveBufferSize', 4096)
  const sent = 1000
  for (let count = 0; count < sent; count++)
    expect(from.sendTo(Buffer.alloc(1000), to.localAddress)).toBe(1000)
  let received = 0
  const into = Buffer.alloc(2000)
  while (to.recvFrom(into) !== WOULD_BLOCK) received++
  expect(received).toBeGreaterThan(0)
  expect(received).toBeLessThan(sent)
})

test('S.18 an unreachable peer is silent for a socket that is not connected, and ECONNREFUSED for one that is', async () => {
  const nobody = { address: LOCAL, port: await freeUdpPort() }
  const free = rawUdp()
  free.sendTo('x', nobody)
  expect(free.recvFrom(Buffer.alloc(1))).toBe(WOULD_BLOCK)
  const connected = rawUdp()
  connected.connect(nobody)
  connected.send('x')
  // Wine does not report it (its SIO_UDP_CONNRESET does nothing).
  if (!isWine) expect(codeOf(() => eventually(() => connected.recv()))).toBe('ECONNREFUSED')
})

test('a connected socket sends without an address, and has a remote one', () => {
  const [from, to] = [rawUdp(), rawUdp()]
  from.connect(to.localAddress)
  expect(String(from.remoteAddress)).toBe(String(to.localAddress))
  expect(from.send('x')).toBe(1)
  expect(String(eventually(() => to.recv()))).toBe('x')
})

test('an address from recvFrom can be sent to', () => {
  const [from, to] = [rawUdp(), rawUdp()]
  from.sendTo('question', to.localAddress)
  const got = eventually(() => to.recvFrom(Buffer.alloc(100)))
  to.sendTo('answer', got.address)
  expect(String(eventually(() => from.recv()))).toBe('answer')
})

test('nothing there is WOULD_BLOCK; an address of the other family is EAFNOSUPPORT', () => {
  const socket = rawUdp()
  expect(socket.recvFrom(Buffer.alloc(1))).toBe(WOULD_BLOCK)
  expect(socket.recv()).toBe(WOULD_BLOCK)
  expect(codeOf(() => socket.sendTo('x', { address: '::1', port: 9 }))).toBe('EAFNOSUPPORT')
})

test('a multicast group can be joined and left; what is no group is refused', () => {
  const socket = closing(new Socket({ type: 'udp', nonBlocking: true }))
  socket.bind({ address: '0.0.0.0', port: 0 })
  socket.joinMulticast('239.1.2.3', LOCAL)
  expect(codeOf(() => socket.joinMulticast('239.1.2.3', LOCAL))).toBe('EADDRINUSE')
  socket.leaveMulticast('239.1.2.3', LOCAL)
  expect(codeOf(() => socket.leaveMulticast('239.1.2.3', LOCAL))).toBe(
    isWine ? 'EINVAL' : 'EADDRNOTAVAIL'
  )
  expect(codeOf(() => socket.joinMulticast('127.0.0.1', LOCAL))).toBe('EINVAL')
})

describe.runIf(hasIpv6)('IPv6', () => {
  test('datagrams over ::1', () => {
    const [from, to] = [rawUdp('::1'), rawUdp('::1')]
    from.sendTo('six', to.localAddress)
    expect(eventually(() => to.recvFrom(Buffer.alloc(10))).address).toMatchObject({
      address: '::1',
      family: 'ipv6',
      port: from.localAddress.port
    })
  })
})
