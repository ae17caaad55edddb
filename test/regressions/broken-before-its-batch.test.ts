// A flush() may find connections broken: their close events come with the next wait. Until a
// program has come to such an event it cannot know of it.
import { expect, test } from 'vitest'
import { acceptedPair } from '../support/net-peer.ts'
import { openProbe } from '../support/poller-probe.ts'

test('a send to a connection that broke before the batch in which its close comes says false, and does not throw', async () => {
  const probe = openProbe()
  const pairs = [await acceptedPair(probe), await acceptedPair(probe)]
  for (const { connection, peer } of pairs) {
    connection.pause() // A paused connection that finds its peer gone closes at once.
    peer.socket.resetAndDestroy()
  }
  for (let turns = 0; turns < 10; turns++) await new Promise(setImmediate)
  const [one, other] = pairs.map(({ connection }) => connection)
  while (!one.closed || !other.closed) {
    for (const connection of [one, other]) expect(connection.send('late')).toBeTypeOf('boolean')
    probe.poller.flush()
    await new Promise(setImmediate)
  }
  const said: boolean[] = []
  probe.onEvent = (event) => {
    if (event.type !== 'close') return
    for (const connection of [one, other]) {
      connection.resume()
      said.push(connection.send('too late'))
    }
  }
  await probe.until('both are closed', () => probe.seen('close').length === 2)
  expect(said).toEqual([false, false, false, false])
  probe.poller.wait(0)
  expect(() => one.send('much too late')).toThrow(expect.objectContaining({ code: 'EBADF' }))
})
