// What ends an operation early: cancelling, closing, a reset. Exactly one completion all the same,
// and memory that waits for it.
import { Iocp, type Overlapped, Socket } from 'pollport'
import { expect, test } from 'vitest'
import { runChild } from '../support/child.ts'
import { completions, overlappedPair, port } from '../support/iocp.ts'
import { closing, codeOf, eventually, LOCAL, rawListener } from '../support/raw-pair.ts'
import { isWine } from '../support/system.ts'

test('I.8 a pending receive, and the peer resets: ECONNRESET, once', () => {
  const iocp = port()
  const { near, far } = overlappedPair(iocp)
  const receive = near.overlappedReceive(10)
  far.reset()
  const [completion] = completions(iocp, 1)
  expect(completion.overlapped).toBe(receive)
  expect(completion.error).toMatchObject({ code: 'ECONNRESET', syscall: 'WSARecv' })
  expect(codeOf(() => receive.getResult())).toBe('ECONNRESET')
  expect(iocp.wait(20)).toEqual([])
})

test('I.9 a send after the reset fails at once and gives no completion', () => {
  const iocp = port()
  const { near, far } = overlappedPair(iocp)
  const receive = near.overlappedReceive(10)
  far.reset()
  completions(iocp, 1)
  expect(['ECONNRESET', 'ECONNABORTED']).toContain(codeOf(() => near.overlappedSend('x', receive)))
  expect(receive.pending).toBe(false)
  expect(iocp.wait(20)).toEqual([])
})

test('I.10 cancel: ECANCELED once; cancelling again, or nothing, is no error', () => {
  const iocp = port()
  const { near } = overlappedPair(iocp)
  near.cancel()
  const receive = near.overlappedReceive(10)
  near.cancel(receive)
  near.cancel(receive)
  const [completion] = completions(iocp, 1)
  expect(completion.error).toMatchObject({ code: 'ECANCELED', syscall: 'WSARecv' })
  near.cancel(receive)
  near.cancel()
  expect(iocp.wait(20)).toEqual([])
})

test('I.10 cancelling all of five gives five; cancelling one leaves the others', () => {
  const iocp = port()
  const { near, far } = overlappedPair(iocp)
  const receives = Array.from({ length: 5 }, () => near.overlappedReceive(1))
  near.cancel(receives[2])
  expect(completions(iocp, 1)[0].overlapped).toBe(receives[2])
  far.send('a')
  expect(completions(iocp, 1)[0]).toMatchObject({ overlapped: receives[0], bytesTransferred: 1 })
  near.cancel()
  const rest = completions(iocp, 3)
  expect(new Set(rest.map(({ overlapped }) => overlapped))).toEqual(
    new Set([receives[1], receives[3], receives[4]])
  )
  expect(rest.map(({ error }) => error?.code)).toEqual(['ECANCELED', 'ECANCELED', 'ECANCELED'])
})

test('an operation that is done when it is cancelled completes as it was done', () => {
  const iocp = port()
  const { near, far } = overlappedPair(iocp)
  const receive = near.overlappedReceive(10)
  far.send('in time')
  expect(receive.getResult(true)).toBe(7)
  near.cancel(receive)
  const [completion] = completions(iocp, 1)
  expect(completion.error).toBeUndefined()
  expect(String(receive.data)).toBe('in time')
})

test('I.11 closing a socket with a hundred operations: a hundred completions with ECANCELED, and its userPtr', () => {
  const iocp = port()
  const { near } = overlappedPair(iocp)
  const receives = Array.from({ length: 100 }, () => near.overlappedReceive(10))
  near.close()
  const all = completions(iocp, 100)
  expect(new Set(all.map(({ overlapped }) => overlapped))).toEqual(new Set(receives))
  for (const { error, userPtr, socket } of all) {
    expect(error).toMatchObject({ code: 'ECANCELED' })
    expect(userPtr).toBe('near')
    expect(socket).toBe(near)
  }
  expect(iocp.size).toBe(0)
  expect(iocp.wait(20)).toEqual([])
})

test('I.12 closing a listener under AcceptEx: ECANCELED', () => {
  const iocp = port()
  const listener = rawListener()
  iocp.add(listener, 'listener')
  const accepts = [listener.overlappedAccept(), listener.overlappedAccept()]
  listener.close()
  const all = completions(iocp, 2)
  expect(all.map(({ error }) => error?.code)).toEqual(['ECANCELED', 'ECANCELED'])
  expect(accepts.map(({ accepted }) => accepted)).toEqual([undefined, undefined])
})

test('I.14 a client that resets before it is accepted does not hurt the listener', () => {
  const iocp = port()
  const listener = rawListener()
  iocp.add(listener, 'listener')
  const lost = closing(new Socket({ type: 'tcp' }))
  lost.connect(listener.localAddress)
  lost.reset()
  const client = closing(new Socket({ type: 'tcp' }))
  client.connect(listener.localAddress)
  client.send('still here')
  let text = ''
  while (text === '') {
    const accept = listener.overlappedAccept()
    const [{ error }] = completions(iocp, 1)
    if (error !== undefined) continue // the lost one: 64 on Windows, 59 under Wine
    const accepted = closing(accept.accepted as Socket)
    accepted.nonBlocking = true
    try {
      text = String(eventually(() => accepted.recv()))
    } catch (thrown) {
      expect(thrown).toMatchObject({ code: 'ECONNRESET' })
    }
  }
  expect(text).toBe('still here')
})

test('I.15 a ConnectEx that is cancelled or closed: one completion, ECANCELED or the answer that was quicker', () => {
  const iocp = port()
  const socket = closing(new Socket({ type: 'tcp' }))
  iocp.add(socket, 'client')
  // An address of this machine that nobody answers for: the connect is refused, or still pending
  // when it is cancelled.
  socket.overlappedConnect({ address: LOCAL, port: 1 })
  socket.cancel()
  const [{ error }] = completions(iocp, 1)
  expect(['ECANCELED', 'ECONNREFUSED']).toContain(error?.code)
})

test('I.15 a ConnectEx that is under way and cancelled: ECANCELED, once', () => {
  const iocp = port<number>()
  // More clients than the backlog takes: under Wine the others get no answer at all.
  const listener = rawListener({ backlog: 1 })
  const clients = Array.from({ length: 8 }, (_, number) => {
    const client = closing(new Socket({ type: 'tcp' }))
    iocp.add(client, number)
    return { client, connect: client.overlappedConnect(listener.localAddress) }
  })
  const done = iocp.wait(200)
  for (const { client, connect } of clients) client.cancel(connect)
  const rest = completions(iocp, clients.length - done.length)
  const codes = rest.map(({ error }) => error?.code ?? 'connected')
  expect(clients.map(({ connect }) => connect.pending)).toEqual(clients.map(() => false))
  expect(iocp.wait(20)).toEqual([])
  // Windows refuses a connection that the backlog does not take (Microsoft Learn, "listen
  // function"): such a one may be quicker than the cancelling.
  expect(
    codes.filter((code) => !['connected', 'ECANCELED', 'ECONNREFUSED'].includes(code))
  ).toEqual([])
  if (isWine) expect(codes).toContain('ECANCELED')
})

test('closing a socket without a port ends its operations before close() returns', () => {
  const { far } = overlappedPair(port())
  const receive = far.overlappedReceive(10)
  far.close()
  expect(receive.pending).toBe(false)
  expect(codeOf(() => receive.getResult())).toBe('ECANCELED')
})

test('closing the port cancels what is in flight; the sockets stay open', () => {
  const iocp = new Iocp()
  const { near, far } = overlappedPair(iocp)
  const receives = Array.from({ length: 10 }, () => near.overlappedReceive(10))
  iocp.close()
  for (const receive of receives) {
    expect(receive.pending).toBe(false)
    expect(codeOf(() => receive.getResult())).toBe('ECANCELED')
  }
  near.send('alive')
  expect(String(far.recv())).toBe('alive')
})

test('an Overlapped that nobody keeps completes all the same', () => {
  const iocp = port()
  const { near, far } = overlappedPair(iocp)
  near.overlappedReceive(10)
  far.send('kept')
  expect(String((completions(iocp, 1)[0].overlapped as Overlapped).data)).toBe('kept')
})

test('I.21 process.exit(5) with a hundred operations in flight is exit code 5', async () => {
  const end = await runChild(new URL('./exit-with-pending.mjs', import.meta.url))
  expect(end).toMatchObject({ code: 5, signal: null, output: '' })
})

test('L.2 a worker that is terminated with operations in flight ends at once', async () => {
  const end = await runChild(new URL('./terminate-with-pending.mjs', import.meta.url))
  expect(end).toMatchObject({ code: 0, signal: null })
  expect(end.output).toContain('terminated')
})
