// What a scenario is: something that a seed plays, and that throws if a promise was broken.
import {
  type ExploreOptions,
  explore,
  type LinkOptions,
  type SimulatedHost
} from 'pollport/simulation'

export interface Scenario {
  readonly name: string
  /** Plays one seed; rejected with what was broken. */
  play(seed: number): Promise<void>
}

export const SERVER = '10.0.0.1'
export const CLIENTS = ['10.0.0.2', '10.0.0.3', '10.0.0.4']
/** Faults end after two thirds of it; what must hold at the end has the last third. */
export const DURATION_MS = 90_000
export const MESSAGES = 20

interface Echo {
  link: LinkOptions
  /** The program of the server: it answers with what it got. */
  serve(host: SimulatedHost): Promise<void>
  /** The program of each client: it asks until it has all answers. */
  ask(host: SimulatedHost, answers: Answers): Promise<void>
}

/** Echoes under partitions, crashes and losses; a plan that fails is made small. */
export function echoes(name: string, { link, serve, ask }: Echo): Scenario {
  const answers = new Answers()
  const all: ExploreOptions = {
    seeds: 1,
    durationMs: DURATION_MS,
    hosts: [SERVER, ...CLIENTS],
    link,
    scenario(network, plan) {
      const server = network.host(SERVER)
      server.run(() => serve(server))
      for (const address of CLIENTS) {
        if (!plan.hosts.includes(address)) continue
        const host = network.host(address)
        host.run(() => ask(host, answers))
      }
    },
    checkAtEnd: () => answers.assertAll()
  }
  return {
    name,
    play: async (firstSeed) => {
      await explore({ ...all, firstSeed })
    }
  }
}

/** What each client has been answered, since it began or began again. */
export class Answers {
  readonly #next = new Map<string, number>()

  begin(client: string): void {
    this.#next.set(client, 0)
  }

  /** The number of the message that the client waits for. */
  next(client: string): number {
    return this.#next.get(client) ?? 0
  }

  isDone(client: string): boolean {
    return this.next(client) >= MESSAGES
  }

  /** Notes an answer. Throws for one that was never to come. */
  take(client: string, text: string): void {
    const next = this.next(client)
    if (text !== messageOf(client, next))
      throw new Error(`${client} waits for message ${next} and got ${JSON.stringify(text)}`)
    this.#next.set(client, next + 1)
  }

  /** Each client that there is has every answer. */
  assertAll(clients: Iterable<string> = this.#next.keys()): void {
    for (const client of clients)
      if (!this.isDone(client))
        throw new Error(`${client} has ${this.next(client)} of ${MESSAGES} answers at the end`)
  }
}

/** Of different lengths, so that segments and frames end in different places. */
export function messageOf(client: string, number: number): string {
  return `${client} ${number} ${'x'.repeat((number * 577) % 4000)}`
}
