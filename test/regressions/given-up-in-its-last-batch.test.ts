// The last batch of a connection may hold its end and its close. A program that gives it up before
// it comes to them gets only the close.
import { expect, test } from 'vitest'
import { acceptedPair } from '../support/net-peer.ts'
import { openProbe } from '../support/poller-probe.ts'
import { isWindows } from '../support/system.ts'

test.each(['close', 'reset'] as const)(
  '%s() of a connection whose last events are in the batch: only the close is left',
  async (giveUp) => {
    const probe = openProbe()
    const one = await acceptedPair(probe)
    const other = await acceptedPair(probe)
    for (const { connection, peer } of [one, other]) {
      connection.end()
      await probe.until('the peer sees the end', () => peer.ended)
    }
    for (const { peer } of [one, other]) peer.socket.end()
    for (let turns = 0; turns < 10; turns++) await new Promise(setImmediate)
    // Whichever comes first gives up the one that has not come yet.
    let first: typeof one.connection | undefined
    probe.onEvent = (event) => {
      if (event.type !== 'end' || first !== undefined) return
      first = event.socket
      const later = event.socket === one.connection ? other.connection : one.connection
      // Linux reports both in one wait; on Windows the other's may come in the next.
      if (!isWindows) expect(later.closed).toBe(true)
      later[giveUp]()
    }
    await probe.until('both are closed', () => probe.seen('close').length === 2)
    const later = first === one.connection ? other.connection : one.connection
    expect(probe.typesOf(later)).toEqual(['accept', 'close'])
    expect(probe.typesOf(first as typeof later)).toEqual(['accept', 'end', 'close'])
  }
)
