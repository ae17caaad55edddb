// The command: starts a lobby, with bots if you ask for them, or the terminal client. Deals with
// arguments, signals and child processes; no rules.

import { type ChildProcess, fork } from 'node:child_process'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { pino } from 'pino'
import { runClient } from './bots/client.ts'
import type { BotReport } from './bots/figures.ts'
import { addressOfBot, type FleetOptions } from './bots/fleet.ts'
import { livelyMix } from './bots/mix.ts'
import { listOf, webHostOf } from './gateway/settings.ts'
import type { Door } from './gateway/tls-files.ts'
import { TrustedProxies } from './gateway/trusted.ts'
import { formatFigures, LiveLine } from './load/figures.ts'
import { defaultSettings, type Settings } from './server/config.ts'
import { LobbyServer } from './server/server.ts'
import { describeSettings, readSettings, SettingsError, settingFlags } from './server/settings.ts'
import { StoreError } from './server/store.ts'

const usage = `A lobby server: players meet in rooms, talk, and play when all are ready.

  npm start                    open the lobby on ${defaultSettings.host}:${defaultSettings.port}
  npm start -- --bots 1000     the same, and a second process with a thousand players
  npm start -- --client        join it as a person

  --port NUMBER   another port; 0 takes a free one
  --host NAME     another address to listen on, or to connect to
  --bots NUMBER   how many bots, one fewer than --max-connections at most
  --client        be a client instead of the server; your account is kept in your home folder
  --tls           of a client: over TLS; the certificate must be for --host
  --trust FILE    of a client: and this certificate is trusted, too
  --config FILE   settings, in JSON
  --help          show this
  --settings      show every setting`

/** One can listen there, but not everywhere connect to it. */
const ANY = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1']
])
const FIGURES_EVERY_MS = 1000
/** So soon after a SIGTERM another one is the same. */
const SAME_SIGNAL_MS = 2_000
/** How often to look whether the shell of `npm start` is still there. */
const SHELL_EVERY_MS = 250
/** How long the bots have to end by themselves. */
const BOTS_GRACE_MS = 3000

/** A sentence for the person at the keyboard, instead of a stack trace. */
class Mistake extends Error {}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof Mistake || error instanceof SettingsError || error instanceof StoreError))
    throw error
  console.error(error.message)
  process.exitCode = 1
}

async function main(): Promise<number> {
  const flags = readArguments()
  if (flags.help || flags.settings) {
    console.log(flags.help ? usage : describeSettings())
    return 0
  }
  const settings = readSettings(flags, process.env)
  const { host, port } = settings
  const botCount = readNumber('--bots', String(flags.bots), 0, settings.maxConnections - 1)
  if (flags.client && port === 0)
    throw new Mistake('--port needs a whole number from 1 to 65535, not "0".')
  const address = await addressOf(host)
  if (!flags.client) return serve(address, settings, botCount)
  return runClient({ host, address, port, tls: tlsOf(flags) })
}

function tlsOf({ tls, trust }: Record<string, unknown>): { ca: string | undefined } | undefined {
  if (!tls && trust === undefined) return undefined
  try {
    return { ca: trust === undefined ? undefined : readFileSync(String(trust), 'utf8') }
  } catch (error) {
    throw new Mistake(`--trust: ${(error as Error).message}`)
  }
}

/** pollport takes only numeric addresses, since a DNS lookup blocks; Node's does not. */
async function addressOf(host: string): Promise<string> {
  const { address } = await lookup(host).catch(() => {
    throw new Mistake(`There is no host named ${host}.`)
  })
  return address
}

function readArguments(): Record<string, unknown> {
  try {
    return parseArgs({
      options: {
        ...settingFlags,
        config: { type: 'string' },
        settings: { type: 'boolean', default: false },
        bots: { type: 'string', default: '0' },
        client: { type: 'boolean', default: false },
        tls: { type: 'boolean', default: false },
        trust: { type: 'string' },
        help: { type: 'boolean', default: false }
      }
    }).values
  } catch (error) {
    throw new Mistake(`${(error as Error).message}\n\n${usage}`)
  }
}

function readNumber(flag: string, text: string, least: number, most: number): number {
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= least && number <= most) return number
  throw new Mistake(`${flag} needs a whole number from ${least} to ${most}, not "${text}".`)
}

/** How programs of this machine, which send no PROXY header, come to the game port. */
function gameDoor(address: string, settings: Settings) {
  const target = ANY.get(address) ?? address
  const bots = addressOfBot(0, target) ?? target
  const proxies = new TrustedProxies(listOf(settings.trustedProxies))
  return { bots, botsAreRefused: proxies.has(bots), clientIsRefused: proxies.has(target) }
}

async function serve(address: string, settings: Settings, botCount: number): Promise<number> {
  const door = gameDoor(address, settings)
  if (botCount > 0 && door.botsAreRefused)
    throw new Mistake(
      `--bots come from ${door.bots}, which --trusted-proxies says is a proxy: leave one of them out.`
    )
  const server = await openServer(address, settings)
  const elsewhere = server.port === defaultSettings.port ? '' : ` --port ${server.port}`
  const open = address.includes(':') ? `[${address}]` : address
  console.log(`The lobby is open on ${open}:${server.port}. Ctrl-C closes it.`)
  console.log(`To play, in a browser:        ${urlOf('web', settings, server.webPort)}`)
  const monitor = urlOf('operators', settings, server.operatorPort)
  // A token that the operator has chosen is printed nowhere
  const token = settings.operatorToken === '' ? `?token=${server.operatorToken}` : ''
  console.log(`The monitor, for operators:   ${monitor}${token}`)
  const secure = isSecure('game', settings) ? ' --tls' : ''
  if (!door.clientIsRefused)
    console.log(`In a terminal:                npm start -- --client${elsewhere}${secure}`)
  if (botCount === 0 && !door.botsAreRefused)
    console.log('With bots to play with:       npm start -- --bots 100')

  const line = new LiveLine(process.stdout)
  let isStopping = false
  let lastReport: BotReport | undefined
  const bots =
    botCount > 0 ? startBots(address, server.port, botCount, isSecure('game', settings)) : undefined
  bots?.on('message', (report) => {
    lastReport = report as BotReport
  })
  bots?.on('exit', (code, signal) => {
    lastReport = undefined
    if (isStopping) return
    line.end()
    console.error(`The bots have ended (${signal ?? `exit code ${code}`}); the lobby stays open.`)
  })

  const stop = () => {
    if (isStopping) process.exit(1) // asked twice: at once, then. The bots see it and end.
    isStopping = true
    line.end()
    console.log('Closing the lobby.')
    server.stop()
    if (bots?.connected) bots.disconnect()
  }
  process.on('SIGINT', stop)
  // From an operator: running matches may end first. A second SIGTERM is the same as Ctrl-C; but a
  // signal to a whole group comes from the kernel, and once more from each process that passes it
  // on.
  let drainedMs: number | undefined
  const drain = () => {
    if (isStopping) return
    const nowMs = performance.now()
    if (drainedMs !== undefined) {
      if (nowMs - drainedMs >= SAME_SIGNAL_MS) stop()
      return
    }
    drainedMs = nowMs
    line.end()
    console.log('Draining: no new players; running matches may end.')
    server.drain()
  }
  process.on('SIGTERM', drain)
  const shellWatch = watchShell(() => {
    if (drainedMs === undefined) drain()
  })

  let before = server.figures
  let beforeMs = performance.now()
  const figures = setInterval(() => {
    const now = server.figures
    const nowMs = performance.now()
    // With nobody here there is nothing to show.
    if (now.messagesIn !== before.messagesIn || now.players !== before.players) {
      line.show(formatFigures(now, before, (nowMs - beforeMs) / 1000, lastReport))
    }
    before = now
    beforeMs = nowMs
  }, FIGURES_EVERY_MS)

  await server.ended
  isStopping = true
  clearInterval(figures)
  clearInterval(shellWatch)
  if (bots?.connected) bots.disconnect()
  if (bots !== undefined) await endOf(bots)
  return 0
}

/**
 * `npm start` is npm and a shell before us. npm passes SIGTERM on to the shell, and a shell such as
 * dash ends of it without passing it on: the end of the shell stands for the signal.
 */
function watchShell(onEnd: () => void): NodeJS.Timeout | undefined {
  if (process.env.npm_lifecycle_event === undefined) return undefined // not started by npm
  const shell = process.ppid
  return setInterval(() => {
    if (process.ppid !== shell) onEnd()
  }, SHELL_EVERY_MS)
}

function isSecure(door: Door, { tlsCert, tlsDoors }: Settings): boolean {
  return tlsCert !== '' && listOf(tlsDoors).includes(door)
}

/** The address to open; a server can listen on all addresses, but you cannot connect to that. */
function urlOf(door: 'web' | 'operators', settings: Settings, port: number): string {
  const host = door === 'web' ? webHostOf(settings) : settings.operatorHost
  const reachable = host === '0.0.0.0' || host === '::' ? 'localhost' : host
  return `${isSecure(door, settings) ? 'https' : 'http'}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}/`
}

async function openServer(address: string, settings: Settings): Promise<LobbyServer> {
  const operatorAddress = await addressOf(settings.operatorHost)
  const webAddress = settings.webHost === '' ? address : await addressOf(settings.webHost)
  const log = pino({ level: settings.logLevel }, pino.destination({ dest: 2, sync: true }))
  try {
    return await LobbyServer.open(address, operatorAddress, settings, { log, webAddress })
  } catch (error) {
    const { code, message, address, port } = error as NodeJS.ErrnoException & {
      address?: string
      port?: number
    }
    if (code === 'EADDRINUSE') {
      const flags = {
        port: settings.port,
        'web-port': settings.webPort,
        'operator-port': settings.operatorPort
      }
      const flag = Object.entries(flags).find(([, number]) => number === port)?.[0] ?? 'udp-port'
      throw new Mistake(
        `Port ${port} of ${address} is in use, perhaps by another lobby. --${flag} chooses another one.\n` +
          'A second lobby has four of its own: --port 6959 --udp-port 6959 --web-port 6960 --operator-port 6961'
      )
    }
    if (port !== undefined && (code === 'EACCES' || code === 'EADDRNOTAVAIL'))
      throw new Mistake(`Cannot listen on ${address}:${port}: ${message}`)
    throw error
  }
}

/**
 * A process of its own, with a channel to this one: when either end closes, for any reason, the
 * bots end.
 */
function startBots(address: string, port: number, count: number, encrypted: boolean): ChildProcess {
  const script = fileURLToPath(new URL('./bots/bots.ts', import.meta.url))
  return fork(script, [
    JSON.stringify({
      address: ANY.get(address) ?? address,
      port,
      mix: livelyMix(count),
      encrypted
    } satisfies FleetOptions)
  ])
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const killTimer = setTimeout(() => child.kill('SIGKILL'), BOTS_GRACE_MS)
  await once(child, 'exit')
  clearTimeout(killTimer)
}
