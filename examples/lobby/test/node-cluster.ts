// For tests of a cluster in one process: lobbies over real sockets that are one, by a directory in
// memory.
import type { DirectoryEvents } from '../cluster/directory.ts'
import { type MemoryDirectory, MemoryEngine } from '../cluster/memory-directory.ts'
import { system } from '../place.ts'
import type { Settings } from '../server/config.ts'
import type { LobbyOptions, LobbyServer } from '../server/server.ts'
import { openLobby, type Person, until } from './person.ts'

export interface TestCluster {
  readonly engine: MemoryEngine
  readonly nodes: LobbyServer[]
  /** One node more. */
  add(settings?: Partial<Settings>, options?: LobbyOptions): Promise<LobbyServer>
  /** Fulfilled when every node knows all others, has a link to them, and may give away names. */
  complete(): Promise<void>
}

export async function openCluster(
  count: number,
  settings: Partial<Settings> = {}
): Promise<TestCluster> {
  const engine = new MemoryEngine(system)
  const nodes: LobbyServer[] = []
  const cluster: TestCluster = {
    engine,
    nodes,
    async add(own = {}, options = {}) {
      const node = await openLobby(
        { node: `n${nodes.length + 1}`, leaseMs: 1_000, ...settings, ...own },
        { openDirectory: (events) => engine.open(system, events), ...options }
      )
      nodes.push(node)
      return node
    },
    async complete() {
      const open = nodes.filter(({ health }) => !health.unready.includes('draining'))
      await until('the nodes know each other', () =>
        open.every(({ figures: { cluster } }) => {
          const { directory, nodes: known = [], links = [] } = cluster ?? {}
          return (
            directory === 'here' && known.length === open.length && links.length === open.length - 1
          )
        })
      )
    }
  }
  for (let number = 0; number < count; number++) await cluster.add()
  await cluster.complete()
  return cluster
}

/** One node more, whose directory does something of what is asked of it in another way. */
export async function addWith(
  cluster: TestCluster,
  change: (directory: MemoryDirectory) => void,
  settings: Partial<Settings> = {}
): Promise<LobbyServer> {
  const openDirectory = (events: DirectoryEvents) => {
    const directory = cluster.engine.open(system, events)
    change(directory)
    return directory
  }
  const node = await cluster.add(settings, { openDirectory })
  await cluster.complete()
  return node
}

/** Waits until a node has a room in its list. */
export async function untilListed(person: Person, room: string): Promise<void> {
  for (;;) {
    person.send({ type: 'rooms' })
    const { rooms } = await person.next('rooms')
    if (rooms.some(({ name }) => name === room)) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
