// The rooms of the tests' server. What a client asks for by message, the room does with the
// transport; what happens to it goes to `report`.
import { type AuthContext, type Client, Room, ServerError } from '@colyseus/core'
import { type SchemaType, schema, t } from '@colyseus/schema'

export const Player = schema({ x: t.number(), y: t.number(), name: t.string() })
export const World = schema({ tick: t.number(), players: t.map(Player) })

/** What the test hears of a room. */
export type Report = (words: string) => void

interface JoinOptions {
  name?: string
  /** How long the seat of a client that was dropped is kept, in seconds. */
  seatSeconds?: number
}

export function makeRooms(report: Report) {
  class Game extends Room<{ state: SchemaType<typeof World> }> {
    override maxClients = 10_000
    override state = new World({ tick: 0 })
    override patchRate = 20
    readonly #seatSeconds = new Map<string, number>()

    override onCreate(): void {
      this.onMessage('move', (client, { x, y }: { x: number; y: number }) => {
        const player = this.state.players.get(client.sessionId)
        if (player !== undefined) Object.assign(player, { x, y })
      })
      this.onMessage('echo', (client, message) => client.send('echo', message))
      this.onMessage('everybody', (_client, message) => this.broadcast('everybody', message))
      this.onMessageBytes('bytes', (client, bytes: Buffer) => {
        // After a turn of the loop: the bytes are the room's to keep.
        setTimeout(() => client.sendBytes('bytes', bytes), 20)
      })
      this.onMessage('kick', (client, code?: number) => client.leave(code, 'kicked'))
      this.onMessage('kickWithoutCode', (client) => client.leave())
      this.onMessage('fail', (client) => client.error(4999, 'as you asked'))
      this.onMessage('terminate', (client) => (client.ref as unknown as Terminable).terminate())
      this.onMessage('raw', (client, bytes: number) => {
        report('raw: sent')
        client.raw(new Uint8Array(bytes).fill(0), undefined, (error) => {
          report(`raw: called back ${error === undefined ? 'well' : 'with an error'}`)
        })
        report('raw: returned')
      })
      this.onMessage('rawAfterLeave', (client) => {
        client.leave(4001)
        client.raw(new Uint8Array(1), undefined, (error) => {
          report(`raw: called back ${error === undefined ? 'well' : 'with an error'}`)
        })
      })
      this.onMessage('throw', () => {
        throw new Error('a handler of the room')
      })
      this.onMessage('latency', (_client, ms: number) => report(`latency ${ms}`))
    }

    override onJoin(client: Client, options: JoinOptions = {}): void {
      this.#seatSeconds.set(client.sessionId, options.seatSeconds ?? 0)
      this.state.players.set(
        client.sessionId,
        new Player({ x: 0, y: 0, name: options.name ?? 'nobody' })
      )
      // Kept until the client is there.
      client.send('welcome', { name: options.name })
      report(`join ${options.name}`)
    }

    override async onDrop(client: Client, code?: number): Promise<void> {
      report(`drop ${code}`)
      const seconds = this.#seatSeconds.get(client.sessionId) ?? 0
      if (seconds > 0) await this.allowReconnection(client, seconds)
    }

    override onReconnect(): void {
      report('reconnect')
    }

    override onLeave(client: Client, code?: number): void {
      this.state.players.delete(client.sessionId)
      report(`leave ${code}`)
    }

    override onDispose(): void {
      report('dispose')
    }
  }

  /** Asks who comes, on the WebSocket. */
  class Club extends Room {
    override async onAuth(client: Client, _options: unknown, context: AuthContext) {
      await new Promise((resolve) => setTimeout(resolve, 10))
      if (context.token !== 'member') throw new ServerError(4215, 'members only')
      report(`auth ${context.token} ${context.ip} ${context.headers.get('x-from') ?? '-'}`)
      return { who: client.sessionId.length > 0 }
    }
    override onJoin(client: Client): void {
      client.send('auth', client.auth)
    }
  }

  /** Asks who comes, on the http request. */
  class Office extends Room {
    static override async onAuth(token: string) {
      if (token !== 'staff') throw new ServerError(401, 'staff only')
      return { token }
    }
    override onJoin(client: Client): void {
      client.send('auth', client.auth)
    }
  }

  /** Its joins fail. */
  class Closed extends Room {
    override onJoin(): void {
      throw new ServerError(4300, 'closed')
    }
  }

  return { game: Game, club: Club, office: Office, closed: Closed }
}

interface Terminable {
  terminate(): void
}
