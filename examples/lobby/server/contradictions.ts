// Settings that are right one by one and cannot hold together, or on this machine. Each is a
// sentence for the operator.
import { spawnSync } from 'node:child_process'
import { games } from '../games/index.ts'
import { listOf, webHostOf } from '../gateway/settings.ts'
import { checkTlsFiles } from '../gateway/tls-files.ts'
import { TrustedProxies } from '../gateway/trusted.ts'
import { REPORT_COST } from '../rules/limits.ts'
import { longestCommandBytes } from '../wire/protocol.ts'
import { gamesFor, type Settings } from './config.ts'

const MOST_PORT = 65_535
const DOORS = new Set(['game', 'web', 'operators'])
/** What a process has open besides its players: libraries, pipes, listeners, epoll, the store. */
export const OTHER_DESCRIPTORS = 64

/**
 * How many descriptors a process may have; Node raises its own soft limit to it. Windows has no
 * such limit.
 */
export function descriptorLimit(): number {
  if (process.platform === 'win32') return Number.POSITIVE_INFINITY
  const said = spawnSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).stdout.trim()
  return said === 'unlimited' ? Number.POSITIVE_INFINITY : Number(said)
}

export function contradictionsOf(settings: Settings, descriptors: number): string[] {
  return [
    ...ofTls(settings),
    ...ofDoors(settings),
    ...ofGames(settings),
    ...ofRates(settings),
    ...ofSizes(settings, descriptors)
  ]
}

function ofTls({ tlsCert: cert, tlsKey: key, tlsDoors }: Settings): string[] {
  const found: string[] = []
  const doors = listOf(tlsDoors)
  const unknown = doors.filter((door) => !DOORS.has(door))
  if (unknown.length > 0)
    found.push(`--tls-doors: there are game, web and operators, not ${unknown}`)
  if ((cert === '') !== (key === ''))
    found.push('--tls-cert and --tls-key: one is of no use without the other')
  if (cert === '' || key === '') return found
  if (doors.length === 0)
    found.push('--tls-cert: --tls-doors is empty, so that no door would speak TLS')
  try {
    checkTlsFiles({ cert, key })
  } catch (error) {
    found.push(`--tls-cert ${cert} and --tls-key ${key}: ${(error as Error).message}`)
  }
  return found
}

function ofDoors(settings: Settings): string[] {
  const { host, port, webPort, udpPort, workers, webProxies } = settings
  const found: string[] = []
  const proxies = listOf(settings.trustedProxies)
  try {
    new TrustedProxies(proxies)
  } catch (error) {
    found.push(`--trusted-proxies: ${(error as Error).message}`)
  }
  if (webProxies === 'tcp' && proxies.length === 0)
    found.push('--web-proxies tcp: there are no proxies, without --trusted-proxies')
  if (port !== 0 && port === webPort && webHostOf(settings) === host)
    found.push(`--port and --web-port: both are ${port}, and each needs one of its own`)
  if (udpPort !== 0 && udpPort + workers - 1 > MOST_PORT)
    found.push(
      `--udp-port ${udpPort} and --workers ${workers}: each worker has the next one, and ${MOST_PORT} is the last`
    )
  return found
}

/** Rooms that exist, and in which no match could ever start. */
function ofGames(settings: Settings): string[] {
  const { maxRoomPlayers, minMatchPlayers, quickMatchPlayers } = settings
  const found: string[] = []
  if (minMatchPlayers > maxRoomPlayers)
    found.push(
      `--min-match-players ${minMatchPlayers} and --max-room-players ${maxRoomPlayers}: no match could ever start`
    )
  if (quickMatchPlayers < minMatchPlayers)
    found.push(
      `--quick-match-players ${quickMatchPlayers} and --min-match-players ${minMatchPlayers}: no quick match could ever start`
    )
  if (quickMatchPlayers > maxRoomPlayers)
    found.push(
      `--quick-match-players ${quickMatchPlayers} and --max-room-players ${maxRoomPlayers}: a quick match is in a room, too`
    )
  for (const { name, title, players } of gamesFor(settings, games).values()) {
    if (players.most < minMatchPlayers)
      found.push(
        `--min-match-players ${minMatchPlayers}: ${title} has ${players.most} players at most; without it, list the other --games (not ${name})`
      )
    if (players.least > maxRoomPlayers)
      found.push(
        `--max-room-players ${maxRoomPlayers}: ${title} needs ${players.least}; without it, list the other --games (not ${name})`
      )
  }
  return found
}

/** Commands that nobody could ever send: they count for more than a burst has. */
function ofRates({ burstMessages, lobbyChatMessages }: Settings): string[] {
  const found: string[] = []
  if (burstMessages < REPORT_COST)
    found.push(
      `--burst-messages ${burstMessages}: a report counts for ${REPORT_COST} commands, so nobody could ever report`
    )
  if (burstMessages < lobbyChatMessages)
    found.push(
      `--burst-messages ${burstMessages} and --lobby-chat-messages ${lobbyChatMessages}: nobody could ever chat in the lobby`
    )
  return found
}

function ofSizes(settings: Settings, descriptors: number): string[] {
  const { maxConnections, maxGoodbyes, maxVisitors, maxFrameBytes, maxTextChars } = settings
  const found: string[] = []
  const longest = longestCommandBytes(settings)
  if (longest > maxFrameBytes)
    found.push(
      `--max-frame-bytes ${maxFrameBytes}: a command can have ${longest} bytes, with --max-text-chars ${maxTextChars} of four bytes each`
    )
  // While some leave, and others ask for the page.
  const needed = maxConnections + maxGoodbyes + maxVisitors + OTHER_DESCRIPTORS
  if (needed > descriptors)
    found.push(
      `--max-connections ${maxConnections}: needs ${needed} descriptors, and this process may have ${descriptors} (ulimit -Hn)`
    )
  return found
}
