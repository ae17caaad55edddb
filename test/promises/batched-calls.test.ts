// `batchCalls`: how many calls into the system a flush takes is the program's choice where the
// system has one, and what arrives does not depend on it.
import { describe, expect, test } from 'vitest'
import { acceptPeer, LOCAL } from '../support/net-peer.ts'
import { openProbe, type PollerOptions, type Probe, thrownBy } from '../support/poller-probe.ts'
import { patternBytes } from '../support/poller-random.ts'
import { tested } from '../support/tested-system.ts'

type BatchCalls = NonNullable<PollerOptions['batchCalls']>

const REASON = 'the system makes one call at a time'
const modes: BatchCalls[] = ['never', 'auto', 'always']

/** A system without such calls refuses to make each one of them. */
function hasMode(batchCalls: BatchCalls): boolean {
  try {
    tested.poller({ batchCalls }).close()
    return true
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOTSUP', syscall: 'io_uring_setup' })
    return false
  }
}

async function room(probe: Probe, count: number) {
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const members: Awaited<ReturnType<typeof acceptPeer>>[] = []
  for (let at = 0; at < count; at++) members.push(await acceptPeer(probe, listener))
  return { listener, members }
}

test("'always' is had or refused, and the capability says whether calls are batched", () => {
  const capabilityOf = (batchCalls?: BatchCalls) => {
    const poller = tested.poller({ batchCalls })
    poller.close()
    return poller.capabilities.batchedCalls
  }
  expect(capabilityOf('never')).toBe(false)
  expect(capabilityOf('auto')).toBe(hasMode('always'))
  if (hasMode('always')) expect(capabilityOf('always')).toBe(true)
})

test.each([['sometimes'], [''], [true], [null], [1]])('%j is no way to batch calls', (value) => {
  expect(thrownBy(() => tested.poller({ batchCalls: value as never }))).toMatchObject({
    code: 'ERR_INVALID_ARG_VALUE'
  })
})

describe.each(modes)("with '%s'", (batchCalls) => {
  test('what one flush sends to three hundred connections arrives whole and in order', async ({
    skip
  }) => {
    skip(!hasMode(batchCalls), REASON)
    const probe = openProbe({ batchCalls })
    const { members } = await room(probe, 300)
    for (const [at, { connection }] of members.entries()) connection.send(`${at};`)
    probe.poller.broadcast(
      members.map(({ connection }) => connection),
      'all;'
    )
    for (const [at, { connection }] of members.entries()) connection.send(`${at} again`)
    probe.poller.flush()
    await probe.until('all is there', () =>
      members.every(({ peer }, at) => peer.received.toString().endsWith(`${at} again`))
    )
    for (const [at, { peer }] of members.entries())
      expect(peer.received.toString()).toBe(`${at};all;${at} again`)
    for (const { connection } of members) expect(connection.bufferedBytes).toBe(0)
  })

  test('hundreds of sends to each connection, in turns, arrive in order', async ({ skip }) => {
    skip(!hasMode(batchCalls), REASON)
    const probe = openProbe({ batchCalls })
    const { members } = await room(probe, 10)
    const expected = members.map(() => '')
    for (let turn = 0; turn < 300; turn++) {
      for (const [at, { connection }] of members.entries()) {
        const text = `${turn} to ${at};`
        connection.send(text)
        expected[at] += text
      }
    }
    await probe.until('all is there', () =>
      members.every(({ peer }, at) => peer.receivedBytes >= expected[at].length)
    )
    expect(members.map(({ peer }) => peer.received.toString())).toEqual(expected)
  })

  test('slow readers get what did not fit later, and the others all at once', async ({ skip }) => {
    skip(!hasMode(batchCalls), REASON)
    const probe = openProbe({ batchCalls })
    const { listener, members } = await room(probe, 20)
    const slow = await Promise.all(
      [1, 2, 3].map(() => acceptPeer(probe, listener, { paused: true }))
    )
    const piece = patternBytes(4_000)
    const rounds = 2_500 // 10 MB, more than the system takes from a peer that does not read
    for (let round = 0; round < rounds; round++) {
      for (const { connection } of slow) connection.send(piece)
      if (round < 10) for (const { connection } of members) connection.send(piece)
    }
    probe.poller.flush()
    await probe.until('the others have theirs', () =>
      members.every(({ peer }) => peer.receivedBytes === 10 * piece.length)
    )
    for (const { connection, peer } of slow) {
      expect(connection.bufferedBytes).toBeGreaterThan(0)
      peer.readOn()
    }
    await probe.until('all is there', () =>
      slow.every(({ peer }) => peer.receivedBytes === rounds * piece.length)
    )
    const whole = Buffer.concat(Array.from({ length: rounds }, () => piece))
    for (const { connection, peer } of slow) {
      expect(peer.received.equals(whole)).toBe(true)
      expect(probe.seen('drain', connection)).toHaveLength(1)
    }
  })

  test('a connection that breaks closes once, and the others have their bytes', async ({
    skip
  }) => {
    skip(!hasMode(batchCalls), REASON)
    const probe = openProbe({ batchCalls })
    const { members } = await room(probe, 12)
    const [broken] = members.splice(5, 1)
    broken.peer.socket.resetAndDestroy()
    await probe.until('its peer is gone', () => broken.peer.closed)
    for (let round = 0; round < 3; round++) {
      for (const { connection } of [broken, ...members])
        if (!connection.closed) connection.send('bytes;')
      probe.poller.flush()
    }
    await probe.first('close', broken.connection)
    await probe.until('the others have theirs', () =>
      members.every(({ peer }) => peer.receivedBytes === 18)
    )
    await probe.quiet()
    expect(probe.seen('close', broken.connection)).toHaveLength(1)
    expect(probe.seen('close')).toHaveLength(1)
  })
})
