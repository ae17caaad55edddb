// Lengths and offsets of 2 GiB and more, which 32 bits with a sign cannot count: every call sends,
// receives and refuses the right bytes. The array is never touched but for a few bytes, so that it
// costs no memory.
import { FrameEncoder, Iocp, Overlapped, type Socket, WOULD_BLOCK } from 'pollport'
import { expect, test } from 'vitest'
import { openProbe, ownPair, thrownBy } from '../support/poller-probe.ts'
import { closing, codeOf, eventually, LOCAL, rawPair, rawUdp } from '../support/raw-pair.ts'
import { isWindows } from '../support/system.ts'

const TWO_GIB = 2 ** 31

/** `length` bytes of which nothing is resident, with a word at 2 GiB. */
function sparse(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  bytes.set(Buffer.from('beyond'), TWO_GIB)
  return bytes
}

const SPARSE = sparse(TWO_GIB + 64)

test('a raw socket sends from an offset behind 2 GiB, and receives into a view that begins there', () => {
  const { near, far } = rawPair()
  expect(near.send(SPARSE, TWO_GIB, 6)).toBe(6)
  expect(eventually(() => far.recv(SPARSE.subarray(TWO_GIB + 10, TWO_GIB + 50)))).toBe(6)
  expect(Buffer.from(SPARSE.slice(TWO_GIB, TWO_GIB + 20)).toString()).toBe(
    'beyond\0\0\0\0beyond\0\0\0\0'
  )
})

// A send that does not wait takes everything on Windows as long as there is any room: 2 GiB of the
// system's memory.
test.skipIf(isWindows)(
  'a raw send of more than 2 GiB takes what the system has room for, and says how much',
  () => {
    const { near, far } = rawPair()
    const taken = near.send(SPARSE) as number
    expect(taken).toBeGreaterThan(0)
    expect(taken).toBeLessThan(TWO_GIB)
    let received = 0
    while (received < taken) received += (eventually(() => far.recv()) as Buffer).length
    expect(received).toBe(taken)
  }
)

test('a datagram of more than 2 GiB is EMSGSIZE everywhere, and nothing is sent in its place', async () => {
  const [from, to] = [rawUdp(), rawUdp()]
  const { poller } = openProbe()
  const udp = poller.bindUdp({ address: LOCAL, port: 0 })
  for (const length of [TWO_GIB, TWO_GIB + 64]) {
    const bytes = SPARSE.subarray(0, length)
    expect(codeOf(() => from.sendTo(bytes, to.localAddress))).toBe('EMSGSIZE')
    expect(codeOf(() => udp.send(bytes, to.localAddress))).toBe('EMSGSIZE')
  }
  from.connect(to.localAddress)
  expect(codeOf(() => from.send(SPARSE))).toBe('EMSGSIZE')
  from.send('the first')
  expect(String(eventually(() => to.recv()))).toBe('the first')
})

test('a connection takes what it is given from 2 GiB on, and delivers it to the last byte', {
  timeout: 60_000
}, async () => {
  const probe = openProbe({ batchBufferBytes: 1024 * 1024, readBudgetBytes: 1024 * 1024 })
  const { near, far } = await ownPair(probe)
  let end = Buffer.alloc(0)
  probe.keeps = false
  probe.onEvent = (event) => {
    if (event.type === 'receive') end = Buffer.concat([end, event.data.subarray(-64)]).subarray(-64)
  }
  expect(far.send(SPARSE)).toBe(false)
  expect(far.bytesSent + far.bufferedBytes).toBe(SPARSE.length)
  expect(far.bufferedBytes).toBeGreaterThan(TWO_GIB - 64 * 1024 * 1024)
  for (let idle = 0; near.bytesReceived < SPARSE.length && idle < 3; )
    idle = probe.step(1000) > 0 ? 0 : idle + 1
  expect(near.bytesReceived).toBe(SPARSE.length)
  expect(far.bufferedBytes).toBe(0)
  expect(end.equals(SPARSE.subarray(TWO_GIB))).toBe(true)
})

test('an option of more bytes than the system counts is refused, and not cut to its first ones', () => {
  const socket = rawUdp()
  const bytes = new Uint8Array(TWO_GIB)
  expect(codeOf(() => socket.setOption(1, 7, bytes))).toMatch(/^E(INVAL|FAULT|NOPROTOOPT)$/)
})

test('a frame over the limit of the encoder is refused before memory is taken for it', () => {
  expect(codeOf(() => new FrameEncoder().encode(SPARSE))).toBe('ERR_FRAME_TOO_LARGE')
})

test.skipIf(!isWindows)(
  'an overlapped operation takes up to 1 GiB, refuses more, and is free afterwards',
  () => {
    const iocp = closing(new Iocp<undefined>())
    const { near } = rawPair()
    iocp.add(near, undefined)
    const overlapped = new Overlapped()
    expect(thrownBy(() => near.overlappedSend(SPARSE, overlapped))).toMatchObject({
      code: 'ERR_OUT_OF_RANGE'
    })
    expect(thrownBy(() => near.overlappedReceive(TWO_GIB, overlapped))).toMatchObject({
      code: 'ERR_OUT_OF_RANGE'
    })
    const udp: Socket = rawUdp()
    expect(codeOf(() => udp.overlappedSendTo(SPARSE, udp.localAddress, overlapped))).toBe(
      'EMSGSIZE'
    )
    near.overlappedReceive(0, overlapped)
    expect(overlapped.getResult()).toBe(WOULD_BLOCK)
  }
)
