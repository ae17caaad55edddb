// A connection to Redis that makes itself anew. Nothing waits in it: while there is none, or while
// it does not answer in time, calls are rejected at once. Knows nothing of what is asked.
import { createClient, ErrorReply } from '@redis/client'
import { DirectoryError } from './directory.ts'

const FIRST_RETRY_MS = 50
const MAX_RETRY_MS = 1_000
/** One that has not answered for so long may be dead without knowing it. */
const SILENT_MS = 2_000

export interface RedisConnectionOptions {
  /** `redis://` or, with TLS, `rediss://`. */
  readonly url: string
  /** After which a call is rejected as `away`. */
  readonly timeoutMs: number
  /** A new connection is here; others may use it when this is fulfilled. */
  opened(connection: RedisCalls): Promise<void>
}

/** What can be asked of it. */
export interface RedisCalls {
  call(args: readonly string[]): Promise<unknown>
  subscribe(channels: readonly string[], listener: Listener): Promise<void>
}

type Listener = (message: string, channel: string) => void
type Client = ReturnType<typeof newClient>

function newClient(url: string, connectTimeout: number) {
  return createClient({
    url,
    disableOfflineQueue: true,
    // What other products, and later versions, understand.
    maintNotifications: 'disabled',
    disableClientInfo: true,
    socket: { connectTimeout, reconnectStrategy: false } // it is replaced instead
  })
}

export class RedisConnection {
  /** Fulfilled with the first one that can be used. */
  readonly opened: Promise<void>
  readonly #options: RedisConnectionOptions
  #onOpened: () => void = () => {}
  #client: Client | undefined
  #isReady = false
  #isClosed = false
  #retryMs = FIRST_RETRY_MS
  #retryTimer: NodeJS.Timeout | undefined
  /** Calls that were given up, and whose answers have not come. */
  #overdue = 0
  #overdueTimer: NodeJS.Timeout | undefined

  constructor(options: RedisConnectionOptions) {
    this.#options = options
    this.opened = new Promise((resolve) => {
      this.#onOpened = resolve
    })
    void this.#open()
  }

  get isReady(): boolean {
    return this.#isReady && this.#overdue === 0
  }

  /** Rejected with an `away`, or with what Redis answers. */
  async call(args: readonly string[]): Promise<unknown> {
    if (this.#client === undefined || !this.isReady)
      throw new DirectoryError('away', 'Redis cannot be reached, or is too slow')
    return await this.#callOf(this.#client, args)
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#retryTimer)
    this.#drop(this.#client)
  }

  async #open(): Promise<void> {
    // The client's own timer does not look at the socket first: it comes later than within()'s.
    const client = newClient(this.#options.url, 2 * this.#options.timeoutMs)
    this.#client = client
    // One that was dropped while it connected: its destroy() had no socket yet.
    client.on('connect', () => {
      if (client !== this.#client) client.destroy()
    })
    client.on('error', () => this.#drop(client))
    client.on('end', () => this.#drop(client))
    try {
      await within(client.connect(), this.#options.timeoutMs)
      await this.#options.opened({
        call: (args) => this.#callOf(client, args),
        subscribe: (channels, listener) =>
          within(client.subscribe([...channels], listener), this.#options.timeoutMs)
      })
      if (client !== this.#client) return
      this.#isReady = true
      this.#retryMs = FIRST_RETRY_MS
      this.#onOpened()
    } catch {
      this.#drop(client)
    }
  }

  /** Ends it, and opens another one after a while. */
  #drop(client: Client | undefined): void {
    if (client === undefined || client !== this.#client) return
    this.#client = undefined
    this.#isReady = false
    this.#overdue = 0
    clearTimeout(this.#overdueTimer)
    this.#overdueTimer = undefined
    if (client.isOpen) client.destroy()
    if (this.#isClosed) return
    this.#retryTimer = setTimeout(() => void this.#open(), this.#retryMs)
    this.#retryMs = Math.min(2 * this.#retryMs, MAX_RETRY_MS)
  }

  async #callOf(client: Client, args: readonly string[]): Promise<unknown> {
    const answer = client.sendCommand(args)
    try {
      return await within(answer, this.#options.timeoutMs)
    } catch (error) {
      if (!(error instanceof Overdue)) throw explained(error)
      if (client === this.#client) this.#wait(client, answer)
      throw new DirectoryError('away', 'Redis does not answer in time')
    }
  }

  /** Until the answer comes, others would wait behind it. */
  #wait(client: Client, answer: Promise<unknown>): void {
    this.#overdue++
    this.#overdueTimer ??= setTimeout(() => this.#drop(client), SILENT_MS)
    const done = () => {
      if (client !== this.#client || --this.#overdue > 0) return
      clearTimeout(this.#overdueTimer)
      this.#overdueTimer = undefined
    }
    answer.then(done, done)
  }
}

class Overdue extends Error {}

function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    // When the process stood still, an answer may lie in the socket: Node runs timers before it
    // reads sockets, and setImmediate's callbacks afterwards.
    const overdue = () => setImmediate(() => reject(new Overdue()))
    const timer = setTimeout(overdue, timeoutMs)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** Answers of Redis pass; what the client says is that it is not connected. */
function explained(error: unknown): unknown {
  if (error instanceof ErrorReply) return error
  return new DirectoryError('away', `Redis cannot be reached: ${(error as Error).message}`, error)
}
