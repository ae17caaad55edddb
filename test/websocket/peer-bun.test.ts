// Bun's WebSocket client. Bun is where the benchmarks have installed it (bench/extras), or BUN says
// where it is; it is too large to be fetched for the suite.
import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { isSanitized, isWindows } from '../support/system.ts'
import { serve, until } from './serving.ts'

const installed = fileURLToPath(new URL('../../bench/extras/node_modules/@oven', import.meta.url))
const run = promisify(execFile)

/** Its program that runs on this machine: npm brings one for each kind of processor. */
async function findBun(): Promise<string | undefined> {
  const names = existsSync(installed) ? readdirSync(installed) : []
  for (const program of [
    process.env.BUN,
    ...names.map((name) => join(installed, name, 'bin', 'bun'))
  ])
    if (program !== undefined && (await run(program, ['--version']).catch(() => undefined)))
      return program
  return undefined
}

const bun = isWindows || isSanitized ? undefined : await findBun()
if (bun === undefined)
  console.log('no Bun here: npm run bench installs it, or BUN says where it is')

describe.skipIf(bun === undefined)('Bun’s client', () => {
  test.each([
    ['without compression', {}],
    ['with compression', { compression: { thresholdBytes: 0 } }]
  ])('%s: echoes, subprotocol, closes both ways', async (_how, options) => {
    const { port, words, sockets } = serve({
      protocols: ['new'],
      maxMessageBytes: 2 ** 24,
      maxBufferedBytes: 2 ** 30,
      ...options,
      onMessage(socket, data, isText) {
        if (isText && socket.text(data) === 'close me') socket.close(4001, 'enough')
        else socket.send(data, { isText })
      }
    })
    const client = fileURLToPath(new URL('bun-client.mjs', import.meta.url))
    const { stdout } = await run(bun as string, [client, String(port)], { timeout: 15_000 })
    expect(JSON.parse(stdout)).toMatchObject({
      echoes: Array(14).fill(true),
      protocol: 'new',
      closed: { code: 4001, reason: 'enough' }
    })
    await until('both closes are reported', () => words.includes('close 4000 bye'))
    expect(words.some((word) => word.startsWith('close 4001'))).toBe(true)
    expect(sockets[0].isCompressing).toBe('compression' in options)
  })
})
