// The actions of operators in a cluster: announcements, bans and a drain reach the node they are
// for; a player or a room is looked for at this node first, and then at the others.
import { z } from 'zod'
import type { ClusterNode } from '../cluster/cluster-node.ts'
import type { Place } from '../place.ts'
import type { Ban } from '../rules/bans.ts'
import type { PersonPage } from '../rules/details.ts'
import { isSameNode, type NodeRef } from '../rules/passport.ts'
import type { Report } from '../rules/reports.ts'
import { type AdminActions, AdminRefusal, type BanRequest } from './admin.ts'
import type { OperatorActions } from './operator-actions.ts'

const ANSWER_MS = 2_000

const banSchema = z.object({
  name: z.string().optional(),
  key: z.string().optional(),
  account: z.string().optional(),
  address: z.string().optional(),
  reason: z.string(),
  by: z.string(),
  atMs: z.number(),
  untilMs: z.number()
})

/** For all nodes, or for the one that has the player or the room. */
const orderSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('announce'), text: z.string() }),
  z.object({ type: z.literal('ban'), ban: banSchema }),
  z.object({ type: z.literal('unban'), ban: banSchema }),
  z.object({ type: z.literal('drain'), node: z.string() }),
  z.object({ type: z.literal('message'), name: z.string(), text: z.string() }),
  z.object({ type: z.literal('kick'), name: z.string(), reason: z.string() }),
  z.object({ type: z.literal('close-room'), room: z.string(), reason: z.string() }),
  z.object({ type: z.literal('bans') })
])
type Order = z.infer<typeof orderSchema>

export class ClusterActions implements AdminActions {
  readonly #own: OperatorActions
  readonly #cluster: ClusterNode
  readonly #place: Place

  constructor(own: OperatorActions, cluster: ClusterNode, place: Place) {
    this.#own = own
    this.#cluster = cluster
    this.#place = place
  }

  // ---- Of an operator at this node ----

  people(from: number, find: string): PersonPage {
    return this.#own.people(from, find)
  }

  bans(): Ban[] {
    return this.#own.bans()
  }

  reports(): readonly Report[] {
    return this.#own.reports()
  }

  async message(name: string, text: string): Promise<void> {
    await this.#whereItIs(() => this.#own.message(name, text), { type: 'message', name, text })
  }

  async kick(name: string, reason: string): Promise<void> {
    await this.#whereItIs(() => this.#own.kick(name, reason), { type: 'kick', name, reason })
  }

  async closeRoom(room: string, reason: string): Promise<void> {
    const order = { type: 'close-room', room, reason } as const
    await this.#whereItIs(() => this.#own.closeRoom(room, reason), order)
  }

  async ban(request: BanRequest): Promise<Ban> {
    const ban = await this.#own.ban(request)
    await this.#orderAll({ type: 'ban', ban })
    return ban
  }

  async unban(id: number): Promise<Ban> {
    const ban = await this.#own.unban(id)
    await this.#orderAll({ type: 'unban', ban })
    return ban
  }

  async announce(text: string): Promise<void> {
    this.#own.announce(text)
    await this.#orderAll({ type: 'announce', text })
  }

  /** Without a name: this node. */
  async drain(node = this.#cluster.front.self.id): Promise<void> {
    if (node === this.#cluster.front.self.id) return this.#own.drain()
    const to = this.#cluster.front.nodes.find(({ id }) => id === node)
    if (to === undefined)
      throw new AdminRefusal(404, 'no-such-node', `there is no node ${node} in this cluster`)
    await this.#ask(to, { type: 'drain', node })
  }

  // ---- Of another node ----

  /** By way of the directory; it comes to the node that ordered it, too. */
  onOrder(from: NodeRef, order: object): void {
    if (!isSameNode(from, this.#cluster.front.self)) void this.obey(order).catch(() => {})
  }

  /** By a link. Rejected when this node does not have what it is about. */
  async obey(body: object): Promise<object> {
    const order = orderSchema.parse(body)
    switch (order.type) {
      case 'announce':
        this.#own.announce(order.text)
        break
      case 'ban':
        await this.#own.takeBan(order.ban)
        break
      case 'unban':
        await this.#own.liftBan(order.ban)
        break
      case 'drain':
        if (order.node === this.#cluster.front.self.id) this.#own.drain()
        break
      case 'message':
        this.#own.message(order.name, order.text)
        break
      case 'kick':
        this.#own.kick(order.name, order.reason)
        break
      case 'close-room':
        this.#own.closeRoom(order.room, order.reason)
        break
      case 'bans':
        return { bans: this.#own.bans() }
    }
    return { done: true }
  }

  /** A node that has joined knows none of the bans that were made while it was away. */
  async learnBans(): Promise<boolean> {
    const others = this.#cluster.links.all
    for (const { node } of others) {
      const answer = await this.#cluster.links
        .request(node, { type: 'bans' }, ANSWER_MS)
        .catch(() => undefined)
      const { success, data } = z.object({ bans: z.array(banSchema) }).safeParse(answer)
      if (!success) continue
      const nowMs = this.#place.dateMs()
      for (const ban of data.bans) if (ban.untilMs > nowMs) await this.#own.takeBan(ban)
      return true
    }
    return false
  }

  // ---- Inside ----

  async #orderAll(order: Order): Promise<void> {
    try {
      await this.#cluster.directory.order(order)
    } catch (error) {
      const words = `done here, but not at the other nodes: ${(error as Error).message}`
      throw new AdminRefusal(503, 'cluster-away', words)
    }
  }

  async #whereItIs(here: () => void, order: Order): Promise<void> {
    try {
      here()
      return
    } catch (error) {
      if (!(error instanceof AdminRefusal) || error.status !== 404) throw error
      const asked = this.#cluster.links.all.map(({ node }) => this.#ask(node, order))
      await Promise.any(asked).catch(() => {
        throw error
      })
    }
  }

  async #ask(to: NodeRef, order: Order): Promise<void> {
    try {
      await this.#cluster.links.request(to, order, ANSWER_MS)
    } catch (error) {
      const words = `the node ${to.id} has not done it: ${(error as Error).message}`
      throw new AdminRefusal(503, 'no-answer', words)
    }
  }
}
