// Signals, thousands a second, while a transfer goes on: no wait gets shorter or longer by them,
// and no byte is lost.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { startChild } from '../support/child.ts'
import { survived } from './tally.ts'

const MEGABYTES = 200

/**
 * Compiles the program that sends signals, and starts it; gives a function that ends it and tells
 * how many it sent.
 */
function startStorm(target: number): () => Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'pollport-storm-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const program = join(folder, 'storm')
  const source = fileURLToPath(new URL('./shim/storm.c', import.meta.url))
  const { status, stderr } = spawnSync('cc', [
    '-O1',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-o',
    program,
    source
  ])
  if (status !== 0) throw new Error(`storm.c does not build: ${stderr}`)
  const storm = spawn(program, [String(target)], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void storm.kill('SIGKILL'))
  let said = ''
  storm.stdout.on('data', (chunk) => {
    said += chunk
  })
  const ended = new Promise((resolve) => storm.on('close', resolve))
  return async () => {
    storm.stdin.end()
    await ended
    return Number(said)
  }
}

test('a transfer under a storm of signals is whole, and every wait lasts its time', async () => {
  const echo = net
    .createServer((socket) => socket.on('error', () => {}).pipe(socket))
    .listen(0, '127.0.0.1')
  onTestFinished(() => void echo.close())
  await new Promise((resolve) => echo.on('listening', resolve))
  const { port } = echo.address() as net.AddressInfo
  const child = startChild(new URL('./signals.mjs', import.meta.url), {
    args: [String(port), String(MEGABYTES)],
    deadlineMs: 100_000
  })
  await child.at('ready')
  const endStorm = startStorm(child.process.pid as number)
  const done = await child.at('done', 90_000)
  const signals = await endStorm()
  expect(done).toMatchObject({
    closed: 'in order',
    bytesBack: MEGABYTES * 1024 * 1024,
    isWhole: true
  })
  expect(done).toMatchObject({ waits: 10, shortened: [], lengthened: [] })
  expect(done.handled).toBeGreaterThan(0)
  expect(signals).toBeGreaterThan(1000)
  expect((await child.ended).code).toBe(0)
  survived('signals in waits and transfers', signals)
})
