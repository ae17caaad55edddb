// Starts exhausted.mjs so that it runs out of descriptors: on Linux by `ulimit -n`. Windows knows
// no such limit, but Wine's server has one: the program gets a Wine of its own, whose server alone
// is limited. Refuses to know what is to happen then.
import { spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { startChild } from './child.ts'
import { isWine } from './system.ts'

const SCRIPT = new URL('./exhausted.mjs', import.meta.url)

export interface ExhaustedServer {
  port: number
  /** The next message with this mark. */
  at(mark: string): Promise<Record<string, unknown>>
  /** Resolves when it has ended by itself. */
  ended(): Promise<void>
}

/** A server that can take some forty clients, and not a hundred. */
export function startExhaustedServer(how: string): Promise<ExhaustedServer> {
  return isWine ? startUnderWine(how) : startOnLinux(how)
}

async function startOnLinux(how: string): Promise<ExhaustedServer> {
  const server = startChild(SCRIPT, { args: [how], descriptors: 64, deadlineMs: 115_000 })
  const { port } = await server.at('listening')
  return {
    port: port as number,
    at: (mark) => server.at(mark),
    ended: async () => {
      const { code, output } = await server.ended
      if (code !== 0) throw new Error(`it ended with ${code}: ${output}`)
    }
  }
}

const FREE_DESCRIPTORS = 40
const DEADLINE_MS = 20_000

async function startUnderWine(how: string): Promise<ExhaustedServer> {
  const messages: Record<string, unknown>[] = []
  let isOver = false
  // A socket that is there before the descriptors run out: Node's own channel would be of the wrong
  // Wine.
  const control = createServer((socket) => {
    createInterface(socket).on('line', (line) => messages.push(JSON.parse(line)))
    socket.on('end', () => {
      isOver = true
    })
    socket.on('error', () => {})
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void control.close())
  await once(control, 'listening')

  const prefix = `/tmp/${randomUUID()}`
  onTestFinished(() => unixShell(`WINEPREFIX=${prefix} wineserver -k; rm -rf ${prefix}`))
  const ownWine = `mkdir -p ${prefix}/dosdevices && cp /wine/*.reg /wine/.update-timestamp ${prefix} && cd ${prefix}/dosdevices && ln -s /wine/drive_c c: && ln -s / z:`
  const program = `wine /node/node.exe test/support/exhausted.mjs ${how} ${(control.address() as AddressInfo).port}`
  const script = `${ownWine} && cd /pollport && WINEPREFIX=${prefix} exec ${program} </dev/null >${prefix}/output 2>&1`
  spawn('start.exe', ['/unix', '/bin/sh', '-c', script], { stdio: 'ignore' })

  const at = async (mark: string) => {
    for (const end = performance.now() + DEADLINE_MS; performance.now() < end; await delay(5)) {
      const found = messages.findIndex((message) => message.mark === mark)
      if (found !== -1) return messages.splice(found, 1)[0]
    }
    throw new Error(`"${mark}" did not come within ${DEADLINE_MS} ms. It said: ${outputIn(prefix)}`)
  }
  const { port } = await at('listening')
  limitServerOf(prefix)
  return {
    port: port as number,
    at,
    ended: async () => {
      for (const end = performance.now() + DEADLINE_MS; !isOver; await delay(5))
        if (performance.now() > end) throw new Error(`it did not end. It said: ${outputIn(prefix)}`)
    }
  }
}

/**
 * Leaves the Wine server of that prefix, which has all sockets of its programs, so many descriptors
 * and no more.
 */
function limitServerOf(prefix: string): void {
  const pid = readdirSync('Z:\\proc').find((name) => {
    if (!/^\d+$/.test(name)) return false
    return (
      procFile(name, 'cmdline').includes('wineserver') && procFile(name, 'environ').includes(prefix)
    )
  })
  if (pid === undefined) throw new Error('there is no Wine server of its own')
  const used = new Set(readdirSync(`Z:\\proc\\${pid}\\fd`).map(Number))
  let limit = 0
  for (let free = 0; free < FREE_DESCRIPTORS; limit++) if (!used.has(limit)) free++
  unixShell(`prlimit --pid ${pid} --nofile=${limit}:`)
}

function procFile(pid: string, name: string): string {
  try {
    return readFileSync(`Z:\\proc\\${pid}\\${name}`, 'latin1')
  } catch {
    return '' // Gone, or nobody's business.
  }
}

/** Wine's start.exe runs Unix' programs too. */
function unixShell(script: string): void {
  spawnSync('start.exe', ['/wait', '/unix', '/bin/sh', '-c', script], { stdio: 'ignore' })
}

function outputIn(prefix: string): string {
  try {
    return readFileSync(`Z:${prefix.replaceAll('/', '\\')}\\output`, 'latin1') || 'nothing'
  } catch {
    return 'nothing'
  }
}
