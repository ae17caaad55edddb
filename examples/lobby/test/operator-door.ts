// For tests of what operators get: their door over a real poller, and a server behind it whose
// figures are made up.

import { Poller } from 'pollport'
import { onTestFinished } from 'vitest'
import type { ClusterFigures } from '../cluster/cluster-node.ts'
import type { Ban } from '../rules/bans.ts'
import type { PersonDetail, RoomDetail } from '../rules/details.ts'
import { Admin, type AdminActions } from '../server/admin.ts'
import { AuditLog } from '../server/audit-log.ts'
import { OperatorGuard } from '../server/operator-guard.ts'
import { type defaultOperatorLimits, Operators, type OperatorsSource } from '../server/operators.ts'
import { type Health, LATENESS_BOUNDS_MS, type ServerFigures } from '../server/server-figures.ts'

export function madeUpFigures(own: Partial<ServerFigures> = {}): ServerFigures {
  const gateway = {
    connections: 5,
    webConnections: 2,
    viaUdp: 1,
    messagesIn: 100,
    messagesOut: 300,
    bytesIn: 4_000,
    bytesOut: 90_000,
    datagramsIn: 50,
    datagramsOut: 70,
    datagramsRefused: 3
  }
  return {
    ...gateway,
    players: 4,
    away: 1,
    queued: 2,
    playing: 2,
    rooms: 3,
    matches: 1,
    isDraining: false,
    uptimeMs: 61_500,
    signIns: 9,
    refusals: { flood: 2, 'name-taken': 7 },
    unsavedMatches: 0,
    failedMatches: 0,
    ticks: 1_845,
    missedTicks: 4,
    lateness: {
      boundsMs: LATENESS_BOUNDS_MS,
      counts: [...LATENESS_BOUNDS_MS, Number.POSITIVE_INFINITY].map(() => 0),
      sumMs: 0
    },
    memory: { rss: 90_000_000, heapUsed: 20_000_000, external: 3_000_000, arrayBuffers: 1_000_000 },
    gateways: [gateway, { ...gateway, connections: 0, webConnections: 0, viaUdp: 0 }],
    ...own
  }
}

/** Of n1, with n2, which drains, and n3, to which there is no link. */
export function madeUpCluster(): ClusterFigures {
  const load = { players: 4, rooms: 3, matches: 1, isDraining: false }
  const link = { callsIn: 5, callsOut: 6, bytesIn: 70, bytesOut: 80, queuedBytes: 0 }
  return {
    node: 'n1',
    epoch: 7,
    maySpeak: true,
    directory: 'here',
    nodes: [
      { id: 'n1', epoch: 7, ...load, operatorAddress: '192.0.2.1:5961' },
      { id: 'n2', epoch: 8, ...load, isDraining: true, operatorAddress: '192.0.2.2:5961' },
      { id: 'n3', epoch: 9, ...load, operatorAddress: '192.0.2.3:5961' }
    ],
    commands: { renew: 40, publish: 12 },
    links: [{ node: 'n2', ...link, droppedStates: 0 }],
    elsewhere: 2,
    movedIn: 3,
    movedOut: 1
  }
}

export function madeUpRoom(name: string, own: Partial<RoomDetail> = {}): RoomDetail {
  return {
    name,
    isPrivate: false,
    hasPassword: false,
    game: 'coin-arena',
    capacity: 8,
    players: [],
    spectators: [],
    ...own
  }
}

export function madeUpPerson(name: string): PersonDetail {
  return { name, address: '127.0.0.1', where: 'room', room: 'Den' }
}

/** Every action is written down and succeeds. */
function madeUpActions(done: unknown[], people: AdminActions['people']): AdminActions {
  const note =
    (action: string) =>
    (...args: unknown[]) =>
      void done.push([action, ...args])
  const ban = (request: object): Ban => {
    return { id: 1, reason: '', by: '', atMs: 0, untilMs: 0, ...request }
  }
  return {
    people,
    bans: () => [ban({ name: 'Eve', reason: 'spam', untilMs: Date.UTC(2030, 0, 1) })],
    reports: () => [
      {
        id: 1,
        atMs: Date.UTC(2029, 0, 1, 12),
        by: 'Bob',
        byAddress: '192.0.2.2',
        name: 'Ann',
        address: '192.0.2.1',
        room: 'Den',
        text: 'asks for passwords',
        said: ['hello', 'what is your password?']
      }
    ],
    message: note('message'),
    kick: note('kick'),
    ban: async (request) => {
      done.push(['ban', request])
      return ban(request)
    },
    unban: async (id) => {
      done.push(['unban', id])
      return ban({ id })
    },
    closeRoom: note('close-room'),
    announce: note('announce'),
    drain: note('drain')
  }
}

export class MadeUpServer implements OperatorsSource {
  now = madeUpFigures()
  /** What was asked of it, the last one last. */
  readonly done: unknown[] = []
  readonly audit = new AuditLog()
  readonly admin = new Admin(
    madeUpActions(this.done, (from, find) => this.people(from, find)),
    this.audit
  )
  problems: Health = { stuck: [], unready: [] }
  allRooms: RoomDetail[] = []
  allPeople = [madeUpPerson('Ann')]
  pageSize = 20

  figures() {
    return this.now
  }

  health() {
    return this.problems
  }

  people(from: number, find: string) {
    const found = this.allPeople.filter(({ name }) => name.includes(find))
    return { players: found.slice(from, from + this.pageSize), from, total: found.length }
  }

  rooms(from: number) {
    return {
      rooms: this.allRooms.slice(from, from + this.pageSize),
      from,
      total: this.allRooms.length
    }
  }
}

export const TOKEN = 'a-token-for-the-tests'
export const BEARER = { authorization: `Bearer ${TOKEN}` }

/** Serves until it is closed, at the latest when the test has finished. */
export function openDoor(
  source: OperatorsSource,
  limits?: Partial<typeof defaultOperatorLimits>,
  port = 0,
  token = TOKEN
) {
  const operators = new Operators(source, new OperatorGuard(token), limits)
  const poller = new Poller<never>()
  const listener = poller.listenTcp({ address: '127.0.0.1', port })
  const over = new AbortController()
  const serving = poller
    .run(
      (events) => {
        for (const event of events) if (event.type === 'accept') operators.serve(event.socket)
      },
      { signal: over.signal }
    )
    .finally(() => poller.close())
  const close = async () => {
    over.abort()
    await serving
  }
  onTestFinished(close)
  return { port: listener.localAddress.port, poller, close }
}
