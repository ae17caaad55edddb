// The promises on a simulated network: the poller under test and the other side are on one host of
// it, and its virtual time passes while Node's loop turns. A network lasts for one test.
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Poller, PollerOptions } from 'pollport'
import { type SimulatedHost, SimulatedNetwork } from 'pollport/simulation'
import { SimulatedPeers } from './simulated-peers.ts'
import type { PeerDatagrams, PeerServer, PeerSocket, TestedSystem } from './tested-system.ts'

/** How far virtual time goes at a time; others act in between. */
const STEP_MS = 1

export class SimulatedSystem implements TestedSystem {
  readonly isSimulated = true
  readonly hasIpv6 = true
  #world: World | undefined

  /** A network of its own for the test that begins. */
  begin(): void {
    this.end()
    this.#world = new World()
  }

  /** Throws what has failed in the simulation since `begin()`. */
  end(): void {
    const world = this.#world
    this.#world = undefined
    world?.end()
  }

  /** Throws what has failed so far. */
  check(): void {
    this.#running.check()
  }

  poller<U>(options?: PollerOptions): Poller<U> {
    return this.#running.host.poller<U>(options)
  }

  now(): number {
    return this.#running.host.now
  }

  turn(): Promise<void> {
    return this.sleep(STEP_MS)
  }

  async sleep(ms: number): Promise<void> {
    const { host } = this.#running
    for (const end = host.now + ms; host.now < end; ) await nextTurn()
  }

  connect(to: Parameters<TestedSystem['connect']>[0]): PeerSocket {
    return this.#running.peers.connect(to)
  }

  async listen(
    { address, port = 0 }: Parameters<TestedSystem['listen']>[0],
    onSocket: (socket: PeerSocket) => void
  ): Promise<PeerServer> {
    return this.#running.peers.listen({ address, port }, onSocket)
  }

  async bindUdp(address: string): Promise<PeerDatagrams> {
    return this.#running.peers.bindUdp(address)
  }

  get #running(): World {
    if (this.#world === undefined) throw new Error('there is no network outside of a test')
    return this.#world
  }
}

class World {
  readonly network = new SimulatedNetwork({ seed: 1 })
  readonly host: SimulatedHost = this.network.host(['10.0.0.1', 'fd00::1'])
  readonly peers = new SimulatedPeers(this.host)
  #isOver = false
  #failure: { readonly error: unknown } | undefined

  constructor() {
    void this.#repeat(async () => {
      this.peers.act()
      await nextTurn()
    })
    void this.#repeat(async () => {
      await this.network.run({ untilMs: this.network.now + STEP_MS })
      await nextTurn()
    })
  }

  end(): void {
    this.#isOver = true
    this.check()
  }

  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #repeat(step: () => Promise<void>): Promise<void> {
    try {
      while (!this.#isOver) await step()
    } catch (error) {
      this.#isOver = true
      this.#failure ??= { error }
    }
  }
}
