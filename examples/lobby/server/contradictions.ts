// Settings that are right one by one and cannot hold together, or on this machine. Each is a
// sentence for the operator.
import { spawnSync } from 'node:child_process'
import { listOf } from '../gateway/settings.ts'
import { TrustedProxies } from '../gateway/trusted.ts'
import type { Settings } from './config.ts'

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
  const found: string[] = []
  if ((settings.tlsCert === '') !== (settings.tlsKey === ''))
    found.push('--tls-cert and --tls-key: one is of no use without the other')
  const doors = listOf(settings.tlsDoors).filter((door) => !DOORS.has(door))
  if (doors.length > 0) found.push(`--tls-doors: there are game, web and operators, not ${doors}`)
  try {
    new TrustedProxies(listOf(settings.trustedProxies))
  } catch (error) {
    found.push(`--trusted-proxies: ${(error as Error).message}`)
  }
  const { maxConnections, maxGoodbyes, maxVisitors, minMatchPlayers } = settings
  const { maxRoomPlayers, quickMatchPlayers } = settings
  if (minMatchPlayers > maxRoomPlayers)
    found.push(
      `--min-match-players ${minMatchPlayers} and --max-room-players ${maxRoomPlayers}: no match could ever start`
    )
  if (quickMatchPlayers < minMatchPlayers)
    found.push(
      `--quick-match-players ${quickMatchPlayers} and --min-match-players ${minMatchPlayers}: no quick match could ever start`
    )
  // While some leave, and others ask for the page.
  const needed = maxConnections + maxGoodbyes + maxVisitors + OTHER_DESCRIPTORS
  if (needed > descriptors)
    found.push(
      `--max-connections ${maxConnections}: needs ${needed} descriptors, and this process may have ${descriptors} (ulimit -Hn)`
    )
  return found
}
