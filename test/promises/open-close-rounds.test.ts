// Ten thousand rounds of opening and closing leave nothing behind: no descriptor, no handle, no
// memory.
import { Poller } from 'pollport'
import { expect, test } from 'vitest'
import { startChild } from '../support/child.ts'
import { countDescriptors, descriptorsBackAt } from '../support/descriptors.ts'
import { LOCAL } from '../support/net-peer.ts'
import { isSanitized, isWine } from '../support/system.ts'

const ROUNDS = 2_000
const PARTS = 15
// A leak makes every part cost memory: a hundred bytes a round, of two connections, would be 200 kB
// a part. What V8 and the C library keep for later makes the first parts grow too, and Node 26 more
// of them than Node 20. Under Wine a process's own heap goes on growing for tens of thousands of
// rounds, by less and less: 220 kB a part at first, 50 kB in the end.
const LEAST_GROWTH_BYTES = (isWine ? 512 : 128) * 1024

test('ten thousand connections, opened and closed in turn, leave no descriptor and no memory', {
  timeout: 150_000
}, async () => {
  const child = startChild(new URL('../support/rounds.mjs', import.meta.url), {
    args: [ROUNDS, PARTS, LEAST_GROWTH_BYTES].map(String),
    nodeOptions: ['--expose-gc', '--max-semi-space-size=1', '--single-threaded'],
    deadlineMs: 140_000
  })
  const pid = child.process.pid as number
  await child.at('warm', 60_000)
  const before = countDescriptors(pid)
  child.go()
  const result = await child.at('rounds', 120_000)
  const { made, growths, middleGrowth } = result as {
    made: number
    growths: number[]
    middleGrowth: number
  }
  expect(made).toBe(ROUNDS * (1 + growths.length))
  expect(result).toMatchObject({ accepted: made, connected: made, closed: made * 2, sockets: 1 })
  expect(await descriptorsBackAt(before, pid)).toBeLessThanOrEqual(before)
  // A sanitizer keeps back what is freed, and finds leaks itself.
  if (!isSanitized)
    expect(middleGrowth, `memory grew by ${growths} bytes`).toBeLessThan(LEAST_GROWTH_BYTES)
  child.go()
  expect((await child.ended).code).toBe(0)
})

test('two hundred pollers with sockets of every kind, one after the other, leave no descriptor', {
  timeout: 60_000
}, async () => {
  const round = () => {
    using poller = new Poller({ batchBufferBytes: 64 * 1024 })
    const listener = poller.listenTcp({ address: LOCAL, port: 0 })
    poller
      .bindUdp({ address: LOCAL, port: 0, receiveBufferSize: 65_536 })
      .send('x', { address: LOCAL, port: 9 })
    poller.connectTcp(listener.localAddress).send('x')
    poller.wait(0)
    poller.wait(0)
  }
  for (let warmUp = 0; warmUp < 10; warmUp++) round()
  const descriptors = countDescriptors()
  for (let count = 0; count < 200; count++) round()
  expect(await descriptorsBackAt(descriptors)).toBeLessThanOrEqual(descriptors)
})
