// A program that awaits something that is not of the simulation is found, and named: no seed
// decides when it goes on.
import { pbkdf2, randomBytes, randomFillSync } from 'node:crypto'
import { lookup } from 'node:dns'
import { readFile } from 'node:fs'
import { readFile as readFileLater } from 'node:fs/promises'
import { promisify } from 'node:util'
import { replay, SimulatedNetwork } from 'pollport/simulation'
import { expect, test } from 'vitest'

const HERE = new URL(import.meta.url)

function worldWith(program: () => unknown): SimulatedNetwork {
  const network = new SimulatedNetwork({ seed: 1 })
  const busy = network.host('10.0.0.1')
  busy.run(async () => {
    for (;;) await busy.sleep(1)
  })
  const host = network.host('10.0.0.2')
  host.run(async () => {
    await host.sleep(5)
    await program()
    await host.sleep(5)
  })
  return network
}

const real: [string, () => Promise<unknown>, RegExp][] = [
  ['a file', () => promisify(readFile)(HERE), /FSREQCALLBACK/],
  [
    'a file, by a promise',
    () => readFileLater(HERE),
    /FSREQPROMISE|FSREQCALLBACK|FILEHANDLECLOSEREQ/
  ],
  ['the thread pool', () => promisify(pbkdf2)('a', 'b', 2000, 32, 'sha256'), /PBKDF2REQUEST/],
  ['randomness of the system', () => promisify(randomBytes)(16), /RANDOMBYTESREQUEST/],
  ['a timer of Node', () => new Promise((resolve) => setTimeout(resolve, 0)), /Timeout/],
  ['an interval of Node', () => new Promise((resolve) => setInterval(resolve, 1)), /Timeout/],
  ['a name', () => promisify(lookup)('localhost'), /GETADDRINFOREQWRAP/]
]

test.each(real)('%s', async (_what, program, name) => {
  const network = worldWith(program)
  const error: unknown = await network
    .run({ untilMs: 1_000_000, findRealWork: true })
    .catch((reason: unknown) => reason)
  expect(error).toMatchObject({ cause: { code: 'ERR_SIMULATION_REAL_WORK' } })
  const { message } = error as Error
  expect(message).toMatch(name)
  expect(message).toContain('a program of 10.0.0.2')
  // Time stood still meanwhile: the other program did not run on.
  expect(network.now).toBe(5)
})

test('what nobody awaits, and what Node does within a call, is left alone', async () => {
  const network = worldWith(() => {
    readFile(HERE, () => {})
    randomFillSync(Buffer.alloc(16))
  })
  await network.run({ untilMs: 100, findRealWork: true })
  expect(network.now).toBe(100)
})

test('what comes of it is not blamed on a program that uses immediates meanwhile', async () => {
  const network = worldWith(() => {
    readFile(HERE, () => {})
    setTimeout(() => {}, 2)
  })
  const busy = network.host('10.0.0.3')
  busy.run(async () => {
    for (let turn = 0; turn < 200; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
      await busy.sleep(0.01)
    }
  })
  await network.run({ untilMs: 100, findRealWork: true })
  expect(network.now).toBe(100)
})

test('explore() and replay() report it, too', async () => {
  const plan = { seed: 1, durationMs: 100, hosts: ['10.0.0.1'], faults: [] }
  const run = replay(plan, {
    scenario: (network) => {
      const host = network.host('10.0.0.1')
      host.run(async () => {
        await readFileLater(HERE)
        await host.sleep(1)
      })
    }
  })
  await expect(run).rejects.toThrow('a program of 10.0.0.1 went on after something')
})
