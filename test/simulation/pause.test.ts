// A host that is paused does nothing and hears of nothing, while its system goes on receiving; then
// it goes on with all that it has missed.
import { SimulatedNetwork } from 'pollport/simulation'
import { expect, test } from 'vitest'

const SERVER = '10.0.0.1'
const CLIENT = '10.0.0.2'

/** A server that notes what happens, and when. */
function noting() {
  const network = new SimulatedNetwork({ seed: 3, latencyMs: 5 })
  const server = network.host(SERVER)
  const client = network.host(CLIENT)
  const log: [number, string][] = []
  const note = (what: string) => log.push([Math.round(network.now), what])
  server.run(async () => {
    const poller = server.poller()
    poller.listenTcp({ address: '0.0.0.0', port: 80 })
    const timer = poller.timer(() => note('timer'))
    timer.set(300)
    void server.sleep(200).then(() => note('sleep'))
    await poller.run((events) => {
      for (const event of events) {
        note(event.type === 'receive' ? String(event.data) : event.type)
        if (event.type === 'end') event.socket.end()
      }
    })
  })
  return { network, server, client, log, note }
}

test('no timer, sleep or event reaches a paused host, and its system acknowledges all the same', async () => {
  const { network, server, client, log } = noting()
  let isSent = false
  client.run(async () => {
    const poller = client.poller()
    await client.sleep(150)
    const connection = poller.connectTcp({ address: SERVER, port: 80, timeoutMs: 1_000 })
    connection.send('hello')
    await poller.run((events) => {
      for (const { type } of events) isSent ||= type === 'connect'
      expect(events.every(({ type }) => type === 'connect')).toBe(true)
    })
  })
  await network.run({ untilMs: 100 })
  server.pause()
  expect(server.isPaused).toBe(true)
  await network.run({ untilMs: 5_000 })
  expect(log).toEqual([])
  expect(isSent).toBe(true) // accepted by the system
  server.resume()
  expect(server.isPaused).toBe(false)
  await network.run({ untilMs: 5_001 })
  expect(log.map(([atMs]) => atMs)).toEqual(log.map(() => 5_000))
  expect(log.map(([, what]) => what).sort()).toEqual(['accept', 'hello', 'sleep', 'timer'])
})

test('a crash ends a pause, with all that had been missed', async () => {
  const { network, server, log, note } = noting()
  await network.run({ untilMs: 100 })
  server.pause()
  server.run(() => note('a program that never began'))
  await network.run({ untilMs: 1_000 })
  server.crash()
  expect(server.isPaused).toBe(false)
  server.pause() // there is nothing that could stand still
  expect(server.isPaused).toBe(false)
  server.resume()
  server.restart(() => note('began anew'))
  await network.run({ untilMs: 2_000 })
  expect(log).toEqual([[1_000, 'began anew']])
})

test('a program that is started on a paused host begins when that goes on', async () => {
  const network = new SimulatedNetwork({ seed: 1 })
  const host = network.host(SERVER)
  const began: number[] = []
  host.pause()
  host.run(() => began.push(network.now))
  await network.run({ untilMs: 500 })
  expect(began).toEqual([])
  host.resume()
  await network.run({ untilMs: 600 })
  expect(began).toEqual([500])
})
