// An open link to another node of the cluster: calls out, bounded; what the other one says of its
// directory; requests and their answers. What the calls mean is not its concern.
import type { TcpConnection } from 'pollport'
import { isSameNode, type NodeRef } from '../rules/passport.ts'
import { encodeCall, type LinkCall, mostBytesOf, writeCall } from './link-calls.ts'

/** With so much queued for a node, states are dropped, since newer ones come soon. */
const MANY_QUEUED_BYTES = 1024 * 1024
/** And what clients send: they get `too-fast`. */
const FULL_BYTES = 16 * 1024 * 1024
/** A node that is so far behind is better off with a new link: this one is cut. */
const MAX_QUEUED_BYTES = 64 * 1024 * 1024
/** Of one link, unanswered. */
const MAX_REQUESTS = 1_000

/** A request to another node was not answered: it may have been done all the same, or not. */
export class NodeRequestError extends Error {
  readonly code = 'ERR_NODE_REQUEST'
}

/** What a node has said of its directory, which was true at some time after `askedMs`. */
export interface Statement {
  readonly node: NodeRef
  readonly hasDirectory: boolean
  /** On the asking node's own clock, from before the question was sent. */
  readonly askedMs: number
}

export interface LinkFigures {
  readonly node: NodeRef
  readonly callsIn: number
  readonly callsOut: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly queuedBytes: number
  /** For want of room. */
  readonly droppedStates: number
}

/** How a link and its limits can be changed, in bytes: for tests. */
export interface LinkLimits {
  manyQueuedBytes: number
  fullBytes: number
  maxQueuedBytes: number
}

export const linkLimits: LinkLimits = {
  manyQueuedBytes: MANY_QUEUED_BYTES,
  fullBytes: FULL_BYTES,
  maxQueuedBytes: MAX_QUEUED_BYTES
}

interface Pending {
  resolve(body: object): void
  reject(error: Error): void
  readonly untilMs: number
}

export class NodeLink {
  readonly node: NodeRef
  readonly openedMs: number
  readonly #connection: TcpConnection<never>
  readonly #limits: LinkLimits
  readonly #onCut: (reason: string) => void
  readonly #pending = new Map<number, Pending>()
  #isOpen = true
  #statement: Statement | undefined
  #ping = 0
  /** When those were sent that are not answered yet. */
  readonly #pings = new Map<number, number>()
  #heardMs: number
  #requests = 0
  #callsIn = 0
  #callsOut = 0
  #droppedStates = 0

  /** `onCut` is called at most once, when the link itself gives up. */
  constructor(
    node: NodeRef,
    connection: TcpConnection<never>,
    limits: LinkLimits,
    nowMs: number,
    onCut: (reason: string) => void
  ) {
    this.node = node
    this.#connection = connection
    this.#limits = limits
    this.openedMs = nowMs
    this.#heardMs = nowMs
    this.#onCut = onCut
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  is(node: NodeRef): boolean {
    return isSameNode(this.node, node)
  }

  /** Whether what clients send should wait. */
  get isFull(): boolean {
    return this.#connection.bufferedBytes > this.#limits.fullBytes
  }

  /** The last one, if there is any. */
  get statement(): Statement | undefined {
    return this.#statement
  }

  get heardMs(): number {
    return this.#heardMs
  }

  get figures(): LinkFigures {
    const { bytesReceived, bytesSent, bufferedBytes } = this.#connection
    return {
      node: this.node,
      callsIn: this.#callsIn,
      callsOut: this.#callsOut,
      bytesIn: bytesReceived,
      bytesOut: bytesSent,
      queuedBytes: bufferedBytes,
      droppedStates: this.#droppedStates
    }
  }

  /** Does nothing when the link has ended. Cuts it when too much is queued. */
  send(call: LinkCall): void {
    if (!this.#isOpen) return
    const { bufferedBytes } = this.#connection
    if (call[0] === 'deliverState' && bufferedBytes > this.#limits.manyQueuedBytes) {
      this.#droppedStates++
      return
    }
    this.#callsOut++
    const most = mostBytesOf(call)
    if (most > 0) this.#connection.sendInto(most, (into, at) => writeCall(call, into, at))
    else this.#connection.send(encodeCall(call))
    if (bufferedBytes > this.#limits.maxQueuedBytes) this.#cut('the node does not keep up')
  }

  /**
   * Asks for something. Rejected with a {@link NodeRequestError} when the link ends, the other node
   * refuses, or no answer comes in time.
   */
  request(body: object, untilMs: number): Promise<unknown> {
    const number = ++this.#requests
    return new Promise((resolve, reject) => {
      if (!this.#isOpen || this.#pending.size >= MAX_REQUESTS)
        return reject(new NodeRequestError('the node cannot be asked now'))
      this.#pending.set(number, { resolve, reject, untilMs })
      try {
        this.send(['request', number, body])
      } catch (error) {
        this.#pending.delete(number) // too long
        reject(error)
      }
    })
  }

  // ---- Of NodeLinks ----

  /** Asks what the other one has to say of its directory. */
  beat(hasDirectory: boolean, nowMs: number): void {
    // Without an answer for a lease the link ends, so there are never many.
    this.#pings.set(++this.#ping, nowMs)
    this.send(['ping', this.#ping, hasDirectory])
    for (const [number, { reject, untilMs }] of this.#pending) {
      if (nowMs < untilMs) continue
      this.#pending.delete(number)
      reject(new NodeRequestError('no answer came in time'))
    }
  }

  hear(call: LinkCall, nowMs: number): void {
    this.#callsIn++
    this.#heardMs = nowMs
    if (call[0] === 'pong') this.#onPong(call[1], call[2])
    if (call[0] !== 'answer') return
    const [, number, body, error] = call
    const pending = this.#pending.get(number)
    this.#pending.delete(number)
    if (body !== undefined) pending?.resolve(body)
    else pending?.reject(new NodeRequestError(error ?? 'no answer'))
  }

  #onPong(number: number, hasDirectory: boolean): void {
    const askedMs = this.#pings.get(number)
    this.#pings.delete(number)
    if (askedMs !== undefined) this.#statement = { node: this.node, hasDirectory, askedMs }
  }

  /** It is not there any more. */
  ended(): void {
    this.#isOpen = false
    for (const { reject } of this.#pending.values())
      reject(new NodeRequestError('the link to the node has ended'))
    this.#pending.clear()
  }

  #cut(reason: string): void {
    if (this.#isOpen) this.#onCut(reason)
  }
}
