// Who gets what is published: topics and their subscribers. A message is encoded once for all who
// get the same bytes, and goes to them by one native call.
import { TcpConnection } from '../poller/tcp-connection.ts'
import { uint8Array } from '../validate.ts'
import type { MessageOptions, WebSocketEncoder } from './encoder.ts'
import type { WebSocket } from './websocket.ts'

/** What a server's poller does for it: says how many connections took the frame. */
export type Broadcast = (to: TcpConnection<unknown>[], frame: Buffer) => number

export class Topics<U> {
  readonly #subscribers = new Map<string, Set<WebSocket<U>>>()
  readonly #broadcast: Broadcast
  readonly #closesSlow: boolean

  constructor(broadcast: Broadcast, closesSlow: boolean) {
    this.#broadcast = broadcast
    this.#closesSlow = closesSlow
  }

  add(topic: string, socket: WebSocket<U>): void {
    const subscribers = this.#subscribers.get(topic)
    if (subscribers === undefined) this.#subscribers.set(topic, new Set([socket]))
    else subscribers.add(socket)
  }

  delete(topic: string, socket: WebSocket<U>): void {
    const subscribers = this.#subscribers.get(topic)
    if (subscribers === undefined) return
    subscribers.delete(socket)
    if (subscribers.size === 0) this.#subscribers.delete(topic)
  }

  count(topic: string): number {
    return this.#subscribers.get(topic)?.size ?? 0
  }

  /** Returns how many subscribers it is sent to. @throws TypeError, also without a subscriber */
  publish(
    topic: string,
    data: Uint8Array | string,
    options: MessageOptions | undefined,
    except?: WebSocket<U>
  ): number {
    if (typeof data !== 'string') uint8Array(data, 'data')
    let count = 0
    // Those that agreed on the same compression get the same bytes: mostly one group.
    const groups = new Map<WebSocketEncoder, { frame: Buffer; to: TcpConnection<unknown>[] }>()
    let latest: { frame: Buffer; to: TcpConnection<unknown>[] } | undefined
    let latestEncoder: WebSocketEncoder | undefined
    for (const socket of this.#subscribers.get(topic) ?? []) {
      if (socket === except || !socket._takesPublished(this.#closesSlow)) continue
      if (latest === undefined || latestEncoder !== socket._encoder) {
        latestEncoder = socket._encoder
        latest = groups.get(latestEncoder)
        latest ??= { frame: socket._encode(data, options), to: [] }
        groups.set(latestEncoder, latest)
      }
      const link = socket._link
      if (link instanceof TcpConnection) latest.to.push(link)
      else {
        link.send(latest.frame)
        count++
      }
    }
    for (const { frame, to } of groups.values())
      if (to.length > 0) count += this.#broadcast(to, frame)
    return count
  }
}
