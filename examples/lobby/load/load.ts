// The load command: starts a server of its own and very many bots, watches both, and prints what it
// came to: npm run load -- --players 10000 --playing 2000. Exit code 1 when a goal is missed.
// Everything stays on this machine.
import { writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Mix, sizeOf } from '../bots/mix.ts'
import { descriptorLimit, OTHER_DESCRIPTORS } from '../server/contradictions.ts'
import { throwAwayCertificate } from './certificate.ts'
import { BotsProcess, findCores, Mistake } from './processes.ts'
import { Servers } from './servers.ts'
import {
  allHold,
  type LoadOptions,
  type LoadRun,
  type Round,
  type Row,
  rowsOf,
  rowsOfRounds,
  tableOf
} from './summary.ts'
import { Watch } from './watch.ts'

const usage = `Load: a server of its own, and very many bots, on this machine.

  npm run load                                      a thousand players, two hundred of them play
  npm run load -- --players 10000 --playing 2000 --seconds 60

  --players NUMBER   so many are signed in (1000)
  --playing NUMBER   so many of them are in a match at any time (a fifth)
  --seconds NUMBER   how long it is measured, once all are there (20)
  --web PERCENT      so many of a hundred come by WebSocket, as browsers do (0)
  --encrypted        over TLS, and with encrypted datagrams, by a certificate for this run; or by
                     yours: -- --tls-cert cert.pem --tls-key key.pem
  --behind-proxy     as through a proxy that ends TLS: with its header, and encrypted datagrams;
                     browsers come without it
  --nodes NUMBER     so many servers as one lobby, over a redis-server of their own; they share the
                     cores, with the bots and with each other
  --workers NUMBER   the server's threads that hold connections (0: one core for all of it)
  --bad-guests       measures, in rounds, what a flooder, a slow reader, 1,000 half-open connections and
                     attackers of the web port change for the others
  --rounds NUMBER    so many (5), with half of the seconds for each side
  --json FILE        writes the figures there
  --profile FOLDER   writes processor profiles of both processes there, for a browser's developer tools (on Windows of the bots alone)
  --help             show this
  -- FLAGS           for the server, as of npm start`

/**
 * Between two matches players wait for each other: so many more take part than play at any time.
 */
const MORE_PLAYERS = 0.04
const LEAST_MORE_PLAYERS = 8
/**
 * Nobody wins before the time is up: how many play at a time must not depend on how well they play,
 * which depends on how fast the server is.
 */
const COINS_TO_WIN = 255
const CHATTERS = 0.05
const QUITTERS = 0.01
const BAD_GUESTS: Mix = {
  flooder: 1,
  slowReader: 1,
  halfOpen: 1_000,
  frameBreaker: 1,
  pingFlooder: 1,
  hugeSender: 1,
  noCloser: 20,
  slowHandshaker: 100
}
/** As quickly as the server takes them. */
const RAMP = { connectsPerSecond: 5_000, maxArriving: 128 }
/** The least that the ramp should come to; slower is a failure. */
const LEAST_SIGN_INS_PER_SECOND = 100
const START_MS = 30_000
/** How long the matches have to start. */
const SETTLE_MS = 30_000
/** How long bad guests have to connect, or to disconnect. */
const CHANGE_MS = 3_000

const end = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (end.signal.aborted) process.exit(130) // the second time: at once
    end.abort(new Mistake('Stopped.'))
  })
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof Mistake)) throw error
  console.error(error.message)
  process.exitCode = end.signal.aborted ? 130 : 1
}

interface Arguments extends LoadOptions {
  /** undefined: one server without a cluster. */
  nodes: number | undefined
  encrypted: boolean
  behindProxy: boolean
  badGuests: boolean
  rounds: number
  json: string | undefined
  profile: string | undefined
  serverFlags: string[]
}

function readArguments(): Arguments | undefined {
  const { values, positionals } = parse()
  if (values.help) return undefined
  const players = readNumber('--players', values.players ?? '1000', 2, 1_000_000)
  const playing = readNumber(
    '--playing',
    values.playing ?? String(Math.floor(players / 5)),
    0,
    players
  )
  return {
    players,
    playing,
    seconds: readNumber('--seconds', values.seconds ?? '20', 1, 86_400),
    workers: readNumber('--workers', values.workers ?? '0', 0, 64),
    web: readNumber('--web', values.web ?? '0', 0, 100),
    nodes: values.nodes === undefined ? undefined : readNumber('--nodes', values.nodes, 1, 64),
    encrypted: values.encrypted ?? false,
    behindProxy: values['behind-proxy'] ?? false,
    badGuests: values['bad-guests'] ?? false,
    rounds: readNumber('--rounds', values.rounds ?? '5', 1, 1_000),
    json: values.json,
    profile: values.profile && resolve(values.profile),
    serverFlags: positionals
  }
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        players: { type: 'string' },
        playing: { type: 'string' },
        seconds: { type: 'string' },
        encrypted: { type: 'boolean' },
        'behind-proxy': { type: 'boolean' },
        nodes: { type: 'string' },
        workers: { type: 'string' },
        web: { type: 'string' },
        json: { type: 'string' },
        profile: { type: 'string' },
        'bad-guests': { type: 'boolean' },
        rounds: { type: 'string' },
        help: { type: 'boolean' }
      }
    })
  } catch (error) {
    throw new Mistake(`${(error as Error).message}\n\n${usage}`)
  }
}

function readNumber(flag: string, text: string, least: number, most: number): number {
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= least && number <= most) return number
  throw new Mistake(`${flag} needs a whole number from ${least} to ${most}, not "${text}".`)
}

function mixOf({ players, playing }: LoadOptions): Mix {
  const more = playing === 0 ? 0 : Math.ceil(playing * MORE_PLAYERS) + LEAST_MORE_PLAYERS
  const player = Math.min(playing + more, players)
  const chatter = Math.floor((players - player) * CHATTERS)
  const quitter = Math.floor((players - player) * QUITTERS)
  return { player, chatter, quitter, lurker: players - player - chatter - quitter }
}

/** Instead of failing in the middle, with an error that is hard to understand. */
function checkDescriptors(mix: Mix, badGuests: number): void {
  const ofServer = sizeOf(mix) + badGuests + OTHER_DESCRIPTORS
  const ofBots = ofServer + (mix.player ?? 0) // who plays has a socket for datagrams as well
  const limit = descriptorLimit()
  if (Math.max(ofServer, ofBots) <= limit) return
  throw new Mistake(
    `A process may have ${limit} descriptors here (ulimit -Hn). So many players need ${ofServer} in the server, and ${ofBots} for the bots.`
  )
}

async function main(): Promise<number> {
  const options = readArguments()
  if (options === undefined) {
    console.log(usage)
    return 0
  }
  const { profile } = options
  if (options.encrypted && options.behindProxy)
    throw new Mistake('--encrypted is TLS to the lobby, --behind-proxy TLS to a proxy: choose one.')
  const mix = mixOf(options)
  const badGuests = options.badGuests ? sizeOf(BAD_GUESTS) : 0
  checkDescriptors(mix, badGuests)
  const all = findCores()
  // A server of several threads takes what there is.
  const cores =
    all.length > 1 && options.workers === 0 && (options.nodes ?? 1) === 1
      ? { server: all.slice(0, 1), bots: all.slice(1) }
      : { server: [], bots: [] }
  console.log(describe(options, mix, cores.server))

  const isOwn = options.serverFlags.some((flag) => flag.startsWith('--tls-cert'))
  const certificate = options.encrypted && !isOwn ? await throwAwayCertificate() : []
  const server = await Servers.start(
    options.nodes,
    [...serverFlags(options, badGuests), ...certificate],
    { cores: cores.server, profile },
    end.signal
  )
  let bots: BotsProcess | undefined
  let rows: Row[]
  try {
    const empty = await server.figures()
    const [{ port, webPort }, ...otherNodes] = server.doors
    bots = new BotsProcess(
      {
        address: '127.0.0.1',
        port,
        mix,
        ...RAMP,
        web: { port: webPort, percent: options.web },
        otherNodes,
        encrypted: options.encrypted,
        behindProxy: options.behindProxy
      },
      { cores: cores.bots, profile }
    )
    const watch = new Watch(server, bots, empty, end.signal)
    const signedInAfterSeconds = await rampUp(watch, options)
    rows = options.badGuests
      ? await measureRounds(watch, options, mix)
      : rowsOf(options, { ...(await measure(watch, options)), empty, signedInAfterSeconds })
  } finally {
    await bots?.stop()
    await server.stop()
  }
  console.log(`\n${tableOf(rows)}\n`)
  const holds = allHold(rows)
  console.log(holds ? 'All goals are met.' : 'Not all goals are met.')
  if (options.json !== undefined) {
    const { players, playing, seconds, nodes, workers, web, encrypted, behindProxy } = options
    const what = {
      players,
      playing,
      seconds,
      nodes,
      workers,
      web,
      encrypted,
      behindProxy,
      mix,
      node: process.version,
      cpu: cpus()[0]?.model,
      rows,
      holds
    }
    writeFileSync(options.json, `${JSON.stringify(what, null, 2)}\n`)
  }
  return holds ? 0 : 1
}

/**
 * The limits that so many players need, and matches that last; everything else has its default.
 */
function serverFlags(
  { players, workers, encrypted, behindProxy, serverFlags }: Arguments,
  badGuests: number
): string[] {
  const settings = {
    port: 0,
    'udp-port': 0,
    'web-port': 0,
    'operator-port': 0,
    // A player that comes back has two connections for a moment.
    'max-connections': players + badGuests + 100,
    'max-rooms': players,
    'max-queued': players,
    'coin-arena.coins-to-win': COINS_TO_WIN,
    workers,
    // This command asks for figures without TLS.
    ...(encrypted ? { 'tls-doors': 'game,web' } : {}),
    ...(behindProxy ? { 'trusted-proxies': '127.0.0.0/8' } : {})
  }
  return [
    ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
    ...serverFlags
  ]
}

function describe(
  { players, seconds, nodes, workers, web, encrypted, behindProxy, badGuests, rounds }: Arguments,
  mix: Mix,
  cores: number[]
): string {
  const parts = Object.entries(mix).map(([behaviour, count]) => `${count} ${behaviour}s`)
  const servers = nodes === undefined ? 'Server' : `${nodes} nodes, their Redis`
  const where =
    cores.length > 0
      ? `The server has core ${cores} to itself.`
      : `${servers} and bots share ${availableParallelism()} cores.`
  const what = badGuests ? `${rounds} rounds without and with bad guests` : 'one phase'
  const how = encrypted ? 'All over TLS' : 'Behind a proxy'
  const tls = encrypted || behindProxy ? ` ${how}, with encrypted datagrams.` : ''
  return `${players} players, ${web} % of them by WebSocket: ${parts.join(', ')}. ${where} Workers: ${workers}. ${what}, ${seconds} seconds in all.${tls}`
}

/** Until all are signed in and so many play. Returns the seconds that the signing in took. */
async function rampUp(watch: Watch, { players, playing }: LoadOptions): Promise<number> {
  const arrived = () => watch.bots.report?.arrived ?? 0
  const deadlineMs = performance.now() + START_MS + (players / LEAST_SIGN_INS_PER_SECOND) * 1000
  watch.begin('signing in', players)
  try {
    while (arrived() < players) {
      if (performance.now() > deadlineMs)
        throw new Mistake(`Only ${arrived()} of ${players} are signed in.`)
      await watch.look(arrived)
    }
  } finally {
    watch.end()
  }
  const seconds = watch.bots.report?.rampSeconds ?? 0
  watch.begin('matches', playing)
  try {
    const settledMs = performance.now() + SETTLE_MS
    while ((await watch.look((figures) => Math.min(figures.playing, playing))).playing < playing) {
      if (performance.now() > settledMs) break // the table at the end shows how many do play
    }
  } finally {
    watch.end()
  }
  return seconds
}

async function measure(
  watch: Watch,
  { seconds }: LoadOptions
): Promise<Omit<LoadRun, 'empty' | 'signedInAfterSeconds'>> {
  const { server, bots } = watch
  const phaseStartMs = performance.now()
  await bots.takePhase()
  const first = await server.figures()
  const startMs = performance.now()
  const cpu = { server: server.cpuSeconds, bots: bots.cpuSeconds }
  const clusterBefore = server.cluster
  const playing: number[] = []
  watch.begin('measuring', seconds)
  try {
    while (performance.now() - startMs < seconds * 1000) {
      playing.push(
        (
          await watch.look(() =>
            Math.min(Math.round((performance.now() - startMs) / 1000), seconds)
          )
        ).playing
      )
    }
  } finally {
    watch.end()
  }
  const last = await server.figures()
  const clusterAfter = server.cluster
  const took = (performance.now() - startMs) / 1000
  const { roundTrips, inputs, lateness } = await bots.takePhase()
  const phaseSeconds = (performance.now() - phaseStartMs) / 1000
  const share = (now: number | undefined, before: number | undefined) =>
    now === undefined || before === undefined ? undefined : (now - before) / took
  return {
    first,
    last,
    seconds: took,
    phaseSeconds,
    playing,
    roundTrips,
    inputs,
    botLateness: lateness,
    errors: bots.report?.errors ?? {},
    expected: bots.report?.expected ?? {},
    serverCpu: share(server.cpuSeconds, cpu.server),
    botsCpu: share(bots.cpuSeconds, cpu.bots),
    cluster: clusterAfter && clusterBefore && [clusterBefore, clusterAfter]
  }
}

/**
 * Phases with and without bad guests alternate, so that other load on the machine is in both.
 */
async function measureRounds(
  watch: Watch,
  { seconds, rounds: count }: Arguments,
  mix: Mix
): Promise<Row[]> {
  const phaseMs = (seconds * 1000) / (2 * count)
  const rounds: Round[] = []
  let steps = 0
  const pass = async (ms: number) => {
    const untilMs = performance.now() + ms
    while (performance.now() < untilMs) await watch.look(() => steps)
  }
  const phase = async (guests: Mix) => {
    watch.bots.setMix({ ...mix, ...guests })
    await pass(CHANGE_MS)
    await watch.bots.takePhase()
    await pass(phaseMs)
    steps++
    return (await watch.bots.takePhase()).roundTrips
  }
  watch.begin('rounds', 2 * count)
  try {
    for (let round = 0; round < count; round++)
      rounds.push({ quiet: await phase({}), bad: await phase(BAD_GUESTS) })
  } finally {
    watch.end()
  }
  return rowsOfRounds(rounds, watch.bots.report?.errors ?? {}, watch.bots.report?.expected ?? {})
}
