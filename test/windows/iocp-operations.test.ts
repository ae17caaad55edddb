// Overlapped operations: each that was started gives exactly one completion, with what it moved.
import { once } from 'node:events'
import net from 'node:net'
import { Worker } from 'node:worker_threads'
import { Overlapped, Socket, SocketAddress, WOULD_BLOCK } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { completions, overlappedPair, port } from '../support/iocp.ts'
import { freePort } from '../support/net-peer.ts'
import { closing, codeOf, LOCAL, rawListener, rawUdp } from '../support/raw-pair.ts'
import { bytesAt } from '../support/win32.mjs'

test('a receive is pending until bytes come, and its completion has them', () => {
  const iocp = port()
  const { near, far } = overlappedPair(iocp)
  const receive = near.overlappedReceive(100)
  expect(receive.pending).toBe(true)
  expect(receive.getResult()).toBe(WOULD_BLOCK)
  expect(iocp.wait(0)).toEqual([])
  far.send('hello')
  const [completion] = completions(iocp, 1)
  expect(completion).toMatchObject({
    socket: near,
    userPtr: 'near',
    overlapped: receive,
    bytesTransferred: 5
  })
  expect(receive.pending).toBe(false)
  expect(String(receive.data)).toBe('hello')
  expect(receive.getResult()).toBe(5)
})

test('I.7 an operation that is done at once still gives one completion, not two', () => {
  const iocp = port()
  const { near, far } = overlappedPair(iocp)
  const send = near.overlappedSend('at once')
  expect(completions(iocp, 1)[0]).toMatchObject({ overlapped: send, bytesTransferred: 7 })
  expect(String(far.recv())).toBe('at once')
  expect(iocp.wait(20)).toEqual([])
})

test('what was given to a send may be changed at once: the bytes were copied', () => {
  const iocp = port()
  const { near, far } = overlappedPair(iocp)
  const bytes = Buffer.from('before')
  near.overlappedSend(bytes)
  bytes.fill('x')
  expect(String(far.recv())).toBe('before')
  completions(iocp, 1)
})

test('several receives and sends of one socket may be in flight: each completes once, in order', () => {
  const iocp = port()
  const { near, far } = overlappedPair(iocp)
  const receives = Array.from({ length: 8 }, () => near.overlappedReceive(4))
  const sends = Array.from({ length: 8 }, (_, number) => near.overlappedSend(`<${number}>`))
  far.send('aaaabbbbccccddddeeeeffffgggghhhh')
  const all = completions(iocp, 16)
  expect(new Set(all.map(({ overlapped }) => overlapped))).toEqual(new Set([...receives, ...sends]))
  expect(receives.map(({ data }) => String(data))).toEqual(
    'abcdefgh'.split('').map((letter) => letter.repeat(4))
  )
  let text = ''
  while (text.length < 24) text += far.recv()
  expect(text).toBe('<0><1><2><3><4><5><6><7>')
})

test('an Overlapped serves one operation at a time, and then the next', () => {
  const iocp = port()
  const { near, far } = overlappedPair(iocp)
  const overlapped = new Overlapped()
  near.overlappedReceive(10, overlapped)
  expect(codeOf(() => near.overlappedReceive(10, overlapped))).toBe('EBUSY')
  expect(codeOf(() => near.overlappedSend('x', overlapped))).toBe('EBUSY')
  for (const text of ['one', 'two', 'three']) {
    far.send(text)
    completions(iocp, 1)
    expect(String(overlapped.data)).toBe(text)
    near.overlappedReceive(10, overlapped)
    expect(overlapped.data.length).toBe(0)
  }
})

test('I.16 a receive of no bytes tells of data and takes none of it; then the end', () => {
  const iocp = port()
  const { near, far } = overlappedPair(iocp)
  const empty = near.overlappedReceive(0)
  expect(iocp.wait(20)).toEqual([])
  far.send('untouched')
  expect(completions(iocp, 1)[0]).toMatchObject({ overlapped: empty, bytesTransferred: 0 })
  expect(String(near.recv())).toBe('untouched')
  near.overlappedReceive(0, empty)
  far.shutdown('write')
  expect(completions(iocp, 1)[0]).toMatchObject({ overlapped: empty, bytesTransferred: 0 })
  expect((near.recv() as Buffer).length).toBe(0)
})

test('I.16 a receive of no bytes meets a reset: ECONNRESET', () => {
  const iocp = port()
  const { near, far } = overlappedPair(iocp)
  const empty = near.overlappedReceive(0)
  far.reset()
  const [{ overlapped, error }] = completions(iocp, 1)
  expect(overlapped).toBe(empty)
  expect(error).toMatchObject({ code: 'ECONNRESET', syscall: 'WSARecv' })
})

test('I.16 a receive of no bytes on a UDP socket takes the datagram, with the mark; the next one is whole', () => {
  const iocp = port()
  const [near, far] = [rawUdp(), rawUdp()]
  iocp.add(near, 'near')
  far.sendTo('eaten', near.localAddress)
  far.sendTo('whole', near.localAddress)
  const empty = near.overlappedReceiveFrom(0)
  completions(iocp, 1)
  expect(empty).toMatchObject({ truncated: true, data: Buffer.alloc(0) })
  const next = near.overlappedReceiveFrom(100)
  completions(iocp, 1)
  expect(String(next.data)).toBe('whole')
})

test('I.20 data, then the end: the bytes first, then 0', () => {
  const iocp = port()
  const { near, far } = overlappedPair(iocp)
  far.send('last words')
  far.shutdown('write')
  const receive = near.overlappedReceive(100)
  completions(iocp, 1)
  expect(String(receive.data)).toBe('last words')
  near.overlappedReceive(100, receive)
  expect(completions(iocp, 1)[0]).toMatchObject({ bytesTransferred: 0 })
  expect(receive.data.length).toBe(0)
})

test('I.13 AcceptEx: the accepted socket knows its addresses, its options, and can be shut down', async () => {
  const iocp = port()
  const listener = rawListener()
  iocp.add(listener, 'listener')
  const accept = listener.overlappedAccept()
  expect(accept.pending).toBe(true)
  const client = net.connect(listener.localAddress.port, LOCAL)
  onTestFinished(() => void client.destroy())
  await once(client, 'connect')
  expect(completions(iocp, 1)[0]).toMatchObject({ socket: listener, overlapped: accept })
  const accepted = closing(accept.accepted as Socket)
  expect(accepted.remoteAddress.port).toBe(client.localPort)
  expect(accepted.localAddress.port).toBe(listener.localAddress.port)
  expect(accepted.nonBlocking).toBe(false)
  accepted.setOption('noDelay', true)
  expect(accepted.getOption('noDelay')).toBe(true)
  accepted.send('welcome')
  expect(String((await once(client, 'data'))[0])).toBe('welcome')
  accepted.shutdown('write')
  client.resume()
  await once(client, 'end')
})

test('I.13 ConnectEx: the socket is bound first, and knows its peer afterwards', async () => {
  const iocp = port()
  const listener = rawListener()
  const socket = closing(new Socket({ type: 'tcp' }))
  iocp.add(socket, 'client')
  const connect = socket.overlappedConnect(listener.localAddress)
  const far = closing(listener.accept() as Socket)
  expect(completions(iocp, 1)[0]).toMatchObject({
    socket,
    overlapped: connect,
    bytesTransferred: 0
  })
  expect(String(socket.remoteAddress)).toBe(String(listener.localAddress))
  expect(String(far.remoteAddress)).toBe(String(socket.localAddress))
  socket.setOption('noDelay', true)
  expect(socket.getOption('noDelay')).toBe(true)
  socket.shutdown('write')
  expect(far.recv()).toEqual(Buffer.alloc(0))
})

test('I.15 ConnectEx to nobody: ECONNREFUSED, with the call', async () => {
  const iocp = port()
  const socket = closing(new Socket({ type: 'tcp' }))
  iocp.add(socket, 'client')
  const connect = socket.overlappedConnect({ address: LOCAL, port: await freePort() })
  const [{ error }] = completions(iocp, 1)
  expect(error).toMatchObject({ name: 'SocketError', code: 'ECONNREFUSED', syscall: 'ConnectEx' })
  expect(codeOf(() => connect.getResult())).toBe('ECONNREFUSED')
})

test('DisconnectEx: the peer sees the end', () => {
  const iocp = port()
  const { near, far } = overlappedPair(iocp)
  const disconnect = near.overlappedDisconnect()
  expect(far.recv()).toEqual(Buffer.alloc(0))
  far.close()
  expect(completions(iocp, 1)[0]).toMatchObject({ overlapped: disconnect })
})

test('I.17 datagrams: sender and bytes; one that does not fit is its beginning with a mark, and completes once', () => {
  const iocp = port()
  const [near, far] = [rawUdp(), rawUdp()]
  iocp.add(near, 'near')
  const to = near.localAddress
  const pending = near.overlappedReceiveFrom(4)
  far.sendTo('0123456789', to)
  expect(completions(iocp, 1)[0]).toMatchObject({ overlapped: pending, bytesTransferred: 4 })
  expect(pending).toMatchObject({ truncated: true, pending: false })
  expect(String(pending.data)).toBe('0123')
  expect(String(pending.address)).toBe(String(far.localAddress))
  // One that is there before the call.
  far.sendTo('abcdefgh', to)
  far.sendTo('whole', to)
  const [first, second] = [near.overlappedReceiveFrom(4), near.overlappedReceiveFrom(100)]
  completions(iocp, 2)
  expect(first).toMatchObject({ truncated: true })
  expect(String(first.data)).toBe('abcd')
  expect(second).toMatchObject({ truncated: false })
  expect(String(second.data)).toBe('whole')
  expect(iocp.wait(20)).toEqual([])
})

test('I.17 the same for a receive without an address, of a connected socket', () => {
  const iocp = port()
  const [near, far] = [rawUdp(), rawUdp()]
  near.connect(far.localAddress)
  iocp.add(near, 'near')
  const pending = near.overlappedReceive(4)
  far.sendTo('0123456789', near.localAddress)
  expect(completions(iocp, 1)[0]).toMatchObject({ overlapped: pending, bytesTransferred: 4 })
  expect(pending).toMatchObject({ truncated: true, pending: false, address: undefined })
  expect(String(pending.data)).toBe('0123')
  far.sendTo('abcdefgh', near.localAddress)
  far.sendTo('whole', near.localAddress)
  const [first, second] = [near.overlappedReceive(4), near.overlappedReceive(100)]
  completions(iocp, 2)
  expect(first).toMatchObject({ truncated: true })
  expect(String(first.data)).toBe('abcd')
  expect(second).toMatchObject({ truncated: false })
  expect(String(second.data)).toBe('whole')
  expect(iocp.wait(20)).toEqual([])
})

test('datagrams of 0 and of 65,507 bytes go by overlapped calls', () => {
  const iocp = port()
  const [near, far] = [rawUdp(), rawUdp()]
  iocp.add(near, 'near')
  iocp.add(far, 'far')
  for (const bytes of [0, 65_507]) {
    const receive = near.overlappedReceiveFrom(70_000)
    far.overlappedSendTo(Buffer.alloc(bytes, 'd'), new SocketAddress(near.localAddress))
    completions(iocp, 2)
    expect(receive.getResult()).toBe(bytes)
    expect(receive.data.equals(Buffer.alloc(bytes, 'd'))).toBe(true)
  }
})

test('without a port getResult() tells, and can wait', () => {
  const { near, far } = overlappedPair(port())
  const receive = far.overlappedReceive(10)
  expect(receive.getResult()).toBe(WOULD_BLOCK)
  near.send('there')
  expect(receive.getResult(true)).toBe(5)
  expect(String(receive.data)).toBe('there')
  expect(receive.pending).toBe(false)
  far.overlappedReceive(10, receive)
  near.reset()
  expect(codeOf(() => receive.getResult(true))).toBe('ECONNRESET')
})

test('without a port a datagram that does not fit is its beginning with a mark, too', () => {
  const [near, far] = [rawUdp(), rawUdp()]
  const receive = near.overlappedReceiveFrom(4)
  far.sendTo('0123456789', near.localAddress)
  expect(receive.getResult(true)).toBe(4)
  expect(String(receive.data)).toBe('0123')
  expect(receive).toMatchObject({ truncated: true, pending: false })
})

test('getResult() of a socket with a port looks, and the completion comes all the same', () => {
  const iocp = port()
  const { near, far } = overlappedPair(iocp)
  const receive = near.overlappedReceive(10)
  far.send('look')
  expect(receive.getResult(true)).toBe(4)
  expect(receive.pending).toBe(true)
  completions(iocp, 1)
  expect(String(receive.data)).toBe('look')
})

test('I.18 an operation outlives the thread that started it; a port takes its completion, which is none of its own, and goes on', async () => {
  const iocp = port()
  const { near, far } = overlappedPair(iocp)
  const worker = new Worker(new URL('./receive-and-leave.mjs', import.meta.url), {
    workerData: near.handle
  })
  const [address] = await once(worker, 'message')
  await once(worker, 'exit')
  far.send('after its end')
  for (const end = performance.now() + 10_000; performance.now() < end && bytesAt(address) === ''; )
    expect(iocp.wait(10)).toEqual([])
  expect(bytesAt(address)).toBe('after its end')
  near.overlappedReceive(100)
  far.send('its own')
  expect(String(completions(iocp, 1)[0].overlapped?.data)).toBe('its own')
})

test('I.18 a port takes the completions of what its thread started, whatever another thread does meanwhile', async () => {
  const iocp = port()
  const { near, far } = overlappedPair(iocp)
  const receive = near.overlappedReceive(100)
  const worker = new Worker(new URL('../support/raw-blocking-thread.mjs', import.meta.url), {
    workerData: { handle: far.detach(), call: 'send', bytes: 64 }
  })
  await once(worker, 'exit')
  expect(completions(iocp, 1)[0]).toMatchObject({ overlapped: receive, bytesTransferred: 64 })
})

test('a thousand connections by AcceptEx and ConnectEx through one port', () => {
  const iocp = port<string>()
  const listener = rawListener({ backlog: 1000 })
  iocp.add(listener, 'listener')
  const connections = 1000
  const accepts = new Set<Overlapped>()
  for (let count = 0; count < 64; count++) accepts.add(listener.overlappedAccept())
  let [accepted, connected, started] = [0, 0, 0]
  const startOne = () => {
    if (started++ >= connections) return
    const socket = closing(new Socket({ type: 'tcp' }))
    iocp.add(socket, 'client')
    socket.overlappedConnect(listener.localAddress)
  }
  for (let count = 0; count < 32; count++) startOne()
  while (accepted < connections || connected < connections) {
    for (const { userPtr, overlapped, error } of completions(iocp, 1)) {
      expect(error).toBeUndefined()
      if (userPtr === 'client') {
        connected++
        startOne()
      } else if (overlapped !== undefined) {
        accepted++
        closing(overlapped.accepted as Socket)
        listener.overlappedAccept(overlapped)
      }
    }
  }
  expect([accepted, connected]).toEqual([connections, connections])
})
