// Bytes on a connection: all of them, once, in order, whatever pieces they are sent and received
// in.
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { acceptedPair } from '../support/net-peer.ts'
import { openProbe, ownPair } from '../support/poller-probe.ts'
import { newSeed, patternBytes, randomFrom } from '../support/poller-random.ts'
import { tested } from '../support/tested-system.ts'

test('a receive event holds the bytes as a Buffer', async () => {
  const probe = openProbe<string>()
  probe.onEvent = (event) => {
    if (event.type === 'accept') event.socket.userPtr = 'you'
    if (event.type === 'receive') expect(Buffer.isBuffer(event.data)).toBe(true)
  }
  const { connection, peer } = await acceptedPair(probe)
  peer.socket.write('hello')
  const event = await probe.first('receive', connection)
  expect(event.data.toString()).toBe('hello')
  expect(event.userPtr).toBe('you')
  expect(connection.bytesReceived).toBe(5)
})

test('all byte values pass unchanged, both ways', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  const all = Buffer.from(Array.from({ length: 256 }, (_, value) => value))
  peer.socket.write(all)
  connection.send(all)
  await probe.until(
    'both have all',
    () => connection.bytesReceived === 256 && peer.receivedBytes === 256
  )
  expect(probe.bytesOf(connection).equals(all)).toBe(true)
  expect(peer.received.equals(all)).toBe(true)
})

test('the bytes of every event of a batch are right until the next wait', async () => {
  const probe = openProbe()
  const pairs = await Promise.all(
    [1, 2, 3, 4, 5, 6, 7, 8].map(async (seed) => ({
      ...(await ownPair(probe)),
      bytes: patternBytes(3000, seed)
    }))
  )
  for (const { far, bytes } of pairs) far.send(bytes)
  probe.poller.flush()
  const views: { id: number; data: Buffer; kept: Buffer }[] = []
  await probe.until('all bytes are there', () => {
    const batch = probe.poller.wait(0)
    for (const event of batch) {
      if (event.type === 'receive')
        views.push({ id: event.socket.id, data: event.data, kept: Buffer.from(event.data) })
    }
    // Sending out of the batch is what an echo server does: it must not touch the bytes of the
    // events that come after.
    for (const event of batch) if (event.type === 'receive') event.socket.send(event.data)
    for (const view of views.filter(({ data }) =>
      batch.some((event) => event.type === 'receive' && event.data === data)
    )) {
      expect(view.data.equals(view.kept)).toBe(true)
    }
    return views.reduce((sum, { kept }) => sum + kept.length, 0) === 8 * 3000
  })
  for (const { near, bytes } of pairs) {
    expect(
      Buffer.concat(views.filter(({ id }) => id === near.id).map(({ kept }) => kept)).equals(bytes)
    ).toBe(true)
  }
})

test('what was given to send() may be changed at once: it has been taken, not borrowed', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  const bytes = Buffer.from('before')
  connection.send(bytes)
  bytes.write('after!')
  await probe.until('it is there', () => peer.receivedBytes === 6)
  expect(peer.received.toString()).toBe('before')
})

test('the same holds for what is still queued behind a full system', async () => {
  const probe = openProbe({ highWaterMarkBytes: 64 * 1024 * 1024 })
  const { connection, peer } = await acceptedPair(probe, { paused: true })
  const hash = createHash('sha256')
  const bytes = Buffer.alloc(100_000)
  for (let sends = 0; sends < 150; sends++) {
    bytes.fill(sends)
    hash.update(bytes)
    connection.send(bytes)
    if (sends % 10 === 0) probe.step(0)
  }
  bytes.fill(255)
  peer.readOn()
  await probe.until('all of it is there', () => peer.receivedBytes === 15_000_000)
  expect(createHash('sha256').update(peer.received).digest('hex')).toBe(hash.digest('hex'))
})

test('a string is sent as UTF-8', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  const text = 'zażółć gęślą jaźń, 你好, 🐢'
  connection.send(text)
  await probe.until('it is there', () => peer.receivedBytes === Buffer.byteLength(text))
  expect(peer.received.toString('utf8')).toBe(text)
  expect(connection.bytesSent).toBe(Buffer.byteLength(text))
})

test('a long string, longer than any buffer that was made for short ones, is sent whole', async () => {
  const probe = openProbe({ highWaterMarkBytes: 64 * 1024 * 1024 })
  const { connection, peer } = await acceptedPair(probe)
  const text = 'ż'.repeat(1_000_000)
  connection.send(text)
  await probe.until('it is there', () => peer.receivedBytes === 2_000_000)
  expect(peer.received.toString('utf8') === text).toBe(true)
})

test('a view into a larger buffer is sent as the view says', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  const whole = new Uint8Array([0, 1, 2, 3, 4, 5, 6, 7])
  connection.send(whole.subarray(2, 5))
  connection.send(Buffer.from(whole.buffer, 6, 1))
  await probe.until('it is there', () => peer.receivedBytes === 4)
  expect([...peer.received]).toEqual([2, 3, 4, 6])
})

test('sending nothing does nothing, and says true', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  expect(connection.send('')).toBe(true)
  expect(connection.send(new Uint8Array(0))).toBe(true)
  expect(connection.bufferedBytes).toBe(0)
  connection.send('a')
  connection.send('')
  connection.send('b')
  await probe.until('the rest is there', () => peer.received.toString() === 'ab')
  expect(probe.typesOf(connection)).toEqual(['accept'])
})

test('flush() sends what is queued without waiting or receiving', async () => {
  const probe = openProbe()
  const { near, far } = await ownPair(probe)
  far.send('flushed')
  expect(far.bufferedBytes).toBe(7)
  expect(probe.poller.flush()).toBeUndefined()
  expect(far.bufferedBytes).toBe(0)
  expect(far.bytesSent).toBe(7)
  expect(near.bytesReceived).toBe(0)
  probe.poller.flush()
  await probe.until('it is there', () => probe.bytesOf(near).toString() === 'flushed')
})

test('S.12 ten thousand sends keep their order', async () => {
  const probe = openProbe({ highWaterMarkBytes: 16 * 1024 * 1024 })
  const { connection, peer } = await acceptedPair(probe)
  const expected: string[] = []
  for (let number = 0; number < 10_000; number++) {
    const message = `message ${number};`
    expected.push(message)
    connection.send(number % 2 ? message : Buffer.from(message))
    if (number % 1234 === 0) probe.step(0)
  }
  const all = expected.join('')
  await probe.until('all are there', () => peer.receivedBytes === all.length)
  expect(peer.received.toString() === all).toBe(true)
})

test('many connections that send in one turn do not mix their bytes', async () => {
  const probe = openProbe()
  const pairs = await Promise.all(Array.from({ length: 20 }, () => ownPair(probe)))
  const sent = new Map(pairs.map(({ near }) => [near, ''] as [unknown, string]))
  const random = randomFrom(7)
  for (let number = 0; number < 5_000; number++) {
    const { near, far } = pairs[random(pairs.length)]
    const piece = `${number},`.repeat(1 + random(4))
    far.send(piece)
    sent.set(near, sent.get(near) + piece)
    if (number % 777 === 0) probe.step(0)
  }
  await probe.until('all are there', () =>
    pairs.every(({ near }) => near.bytesReceived === sent.get(near)?.length)
  )
  for (const { near } of pairs) expect(probe.bytesOf(near).toString() === sent.get(near)).toBe(true)
})

test('a receive buffer that is far smaller than what comes loses nothing', async () => {
  const probe = openProbe({ batchBufferBytes: 64 * 1024 })
  const { connection, peer } = await acceptedPair(probe)
  const bytes = patternBytes(1_000_000)
  peer.socket.write(bytes)
  await probe.until('all is there', () => connection.bytesReceived === bytes.length)
  expect(probe.bytesOf(connection).equals(bytes)).toBe(true)
})

test('small sends without a wait, far more than one turn should make, keep their order behind a peer that reads late', async () => {
  const probe = openProbe({ highWaterMarkBytes: 64 * 1024 * 1024 })
  const { connection, peer } = await acceptedPair(probe, { paused: true })
  const pieces: Buffer[] = []
  for (let number = 0; number < 20_000; number++) {
    const piece = Buffer.alloc(1000, `${number};`)
    pieces.push(piece)
    connection.send(piece)
  }
  expect(connection.bytesSent + connection.bufferedBytes).toBe(20_000_000)
  // It reads before the poller is asked again, so that the system has room for whatever the poller
  // sends first.
  peer.readOn()
  for (let turns = 0; turns < 50; turns++) await tested.turn()
  await probe.until('all is there', () => peer.receivedBytes === 20_000_000)
  expect(createHash('sha256').update(peer.received).digest('hex')).toBe(
    createHash('sha256').update(Buffer.concat(pieces)).digest('hex')
  )
})

test('S.12 sends of all sizes mixed, strings and bytes, keep their order', async () => {
  const seed = newSeed()
  const random = randomFrom(seed)
  const probe = openProbe({ highWaterMarkBytes: 256 * 1024 * 1024 })
  const { connection, peer } = await acceptedPair(probe)
  const pattern = patternBytes(300_000, seed)
  const sizes = [1, 10, 100, 1_000, 10_000, 65_535, 65_536, 65_537, 100_000, 200_000]
  const sent = createHash('sha256')
  let total = 0
  for (let number = 0; number < 1_000; number++) {
    const piece = pattern.subarray(0, 1 + random(sizes[random(sizes.length)]))
    const isText = random(4) === 0
    const text = piece.toString('latin1')
    connection.send(isText ? text : piece)
    const bytes = isText ? Buffer.from(text) : piece
    sent.update(bytes)
    total += bytes.length
    if (random(20) === 0) probe.poller.flush()
    if (random(20) === 0) probe.step(0)
    if (random(20) === 0) await tested.turn()
  }
  await probe.until(`all is there (seed ${seed})`, () => peer.receivedBytes === total)
  expect(createHash('sha256').update(peer.received).digest('hex'), `seed ${seed}`).toBe(
    sent.digest('hex')
  )
})

test('flush() in the middle of a batch leaves the bytes of its events alone', async () => {
  const probe = openProbe()
  const pairs = await Promise.all(
    [1, 2, 3, 4, 5].map(async (seed) => ({
      ...(await ownPair(probe)),
      bytes: patternBytes(2000, seed)
    }))
  )
  const { near: full } = await ownPair(probe)
  for (const { far, bytes } of pairs) far.send(bytes)
  probe.poller.flush()
  await tested.turn()
  const received = new Map<unknown, Buffer[]>()
  await probe.until('all bytes are there', () => {
    for (const event of probe.poller.wait(0)) {
      if (!full.closed) full.send(Buffer.alloc(60_000))
      probe.poller.flush()
      if (event.type === 'receive')
        received.set(event.socket, [...(received.get(event.socket) ?? []), Buffer.from(event.data)])
    }
    return pairs.every(({ near, bytes }) => near.bytesReceived === bytes.length)
  })
  for (const { near, bytes } of pairs)
    expect(Buffer.concat(received.get(near) ?? []).equals(bytes)).toBe(true)
})

test('S.11 64 MiB each way at once, in random pieces, arrive byte for byte', {
  timeout: 60_000
}, async () => {
  const total = 64 * 1024 * 1024
  const seed = newSeed()
  const random = randomFrom(seed)
  const probe = openProbe()
  const { near, far } = await ownPair(probe)
  probe.keeps = false
  const pattern = patternBytes(1024 * 1024, seed)
  const newEnd = () => ({
    sent: 0,
    isFull: false,
    out: createHash('sha256'),
    into: createHash('sha256')
  })
  const ends = new Map([
    [near, newEnd()],
    [far, newEnd()]
  ])
  probe.onEvent = (event) => {
    if (event.type === 'receive') ends.get(event.socket)?.into.update(event.data)
    if (event.type === 'drain')
      (ends.get(event.socket as typeof near) as ReturnType<typeof newEnd>).isFull = false
  }
  await probe.until(
    `both have received everything (seed ${seed})`,
    () => {
      for (const [socket, end] of ends) {
        for (let pieces = 0; pieces < 50 && end.sent < total && !end.isFull; pieces++) {
          const at = random(pattern.length)
          const piece = pattern.subarray(
            at,
            Math.min(at + 1 + random(80_000), at + total - end.sent)
          )
          end.out.update(piece)
          end.isFull = !socket.send(piece)
          end.sent += piece.length
        }
      }
      return near.bytesReceived === total && far.bytesReceived === total
    },
    50_000
  )
  const [nearEnd, farEnd] = [ends.get(near), ends.get(far)]
  expect(nearEnd?.into.digest('hex'), `seed ${seed}`).toBe(farEnd?.out.digest('hex'))
  expect(farEnd?.into.digest('hex'), `seed ${seed}`).toBe(nearEnd?.out.digest('hex'))
})
