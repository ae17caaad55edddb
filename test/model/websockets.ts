// The WebSockets of a random program, with both ends in its pollers: messages come whole, once and
// in order; a close comes after all that was sent before it, with its code; whoever is terminated
// hears 1006. Refuses to know other sockets.
import type { Poller } from 'pollport'
import {
  connectWebSocket,
  type WebSocket,
  WebSocketEncoder,
  WebSocketServer
} from 'pollport/websocket'
import { piece } from './bytes.ts'
import { Broken } from './end.ts'
import { COUNTS } from './operations.ts'

interface Home {
  readonly poller: Poller<unknown>
  readonly number: number
  bytesSent: number
  bytesReceived: number
}

interface Message {
  readonly data: Buffer
  readonly isText: boolean
}

/** One end of a WebSocket. */
class WebEnd {
  readonly name: string
  readonly home: Home
  readonly link: WebLink
  readonly isClient: boolean
  peer!: WebEnd
  socket: WebSocket<WebEnd> | undefined
  state: 'connecting' | 'open' | 'gone' = 'connecting'
  /** What it has sent and its peer has not got yet. */
  readonly out: Message[] = []
  /** How often send() has said false and no drain has come for it. */
  falses = 0
  overMark = false
  pings = 0
  pongs = -1
  /** What it began to close with. */
  closedWith: number | undefined
  isTerminated = false
  isPaused = false

  constructor(link: WebLink, home: Home, isClient: boolean) {
    this.name = `web ${link.slot} ${isClient ? 'near' : 'far'}`
    this.link = link
    this.home = home
    this.isClient = isClient
  }

  fail(sentence: string): never {
    throw new Broken(`${this.name}: ${sentence}`)
  }

  get isOpen(): boolean {
    return this.state === 'open' && this.socket?.readyState === 1
  }
}

class WebLink {
  readonly slot: number
  readonly near: WebEnd
  readonly far: WebEnd
  /** One end was terminated, or its poller closed: what was under way may be lost. */
  isCut = false

  constructor(slot: number, nearHome: Home, farHome: Home) {
    this.slot = slot
    this.near = new WebEnd(this, nearHome, true)
    this.far = new WebEnd(this, farHome, false)
    this.near.peer = this.far
    this.far.peer = this.near
  }

  get ends(): readonly WebEnd[] {
    return [this.near, this.far]
  }
}

export type WebName =
  | 'webOpen'
  | 'webSend'
  | 'webFragments'
  | 'webPing'
  | 'webPublish'
  | 'webPause'
  | 'webResume'
  | 'webClose'
  | 'webTerminate'

const HIGH_WATER_MARK_BYTES = 64 * 1024
/** So that nothing is given up because this machine is slow, or a reader is. */
const LIMITS = {
  maxMessageBytes: 4 * 1024 * 1024,
  highWaterMarkBytes: HIGH_WATER_MARK_BYTES,
  maxBufferedBytes: 2 ** 30,
  handshakeTimeoutMs: 600_000,
  closeTimeoutMs: 600_000,
  pingIntervalMs: 0,
  idleTimeoutMs: 0
} as const
const encoders = {
  // Always the same: a seed on a simulated host gives the same bytes.
  client: new WebSocketEncoder({ role: 'client', maskingKey: () => 0x1b2c_3d4e }),
  server: new WebSocketEncoder({ role: 'server' })
}
const CODES = [1000, 1001, 3000, 4999]
const TOPIC = 'all'

export class WebSockets {
  readonly #servers = new Map<Home, WebSocketServer<WebEnd>>()
  readonly #accepted = new Map<Home, number>()
  readonly #links: (WebLink | undefined)[] = new Array(COUNTS.webs).fill(undefined)
  readonly #counts: { messages: number }
  /** Called in a handler: the program may do something there. */
  readonly #inHandler: () => void
  #failure: unknown

  constructor(counts: { messages: number }, inHandler: () => void) {
    this.#counts = counts
    this.#inHandler = inHandler
  }

  /** Each poller has a server. */
  serve(home: Home): void {
    this.#accepted.set(home, 0)
    this.#servers.set(
      home,
      new WebSocketServer<WebEnd>(home.poller, {
        address: '127.0.0.1',
        port: 0,
        ...LIMITS,
        compression: { thresholdBytes: 1000, level: 1 },
        onUpgrade: ({ path }) => ({ userPtr: this.#links[Number(path.slice(1))]?.far as WebEnd }),
        onError: (error) => {
          this.#failure ??= new Broken(`a handshake failed: ${error.message}`)
        },
        ...this.#handlers()
      })
    )
  }

  do(name: WebName, numbers: readonly number[], homes: readonly Home[]): boolean {
    const [slot, side, size, form] = numbers
    if (name === 'webPublish') return this.#publish(homes[slot], side, size)
    if (name === 'webOpen') return this.#open(slot, homes[side], homes[size], form)
    const link = this.#links[slot]
    const end = side === 0 ? link?.near : link?.far
    const socket = end?.socket
    if (link === undefined || end === undefined || socket === undefined || end.state !== 'open')
      return false
    switch (name) {
      case 'webSend':
        return this.#send(end, socket, size, form)
      case 'webFragments':
        return this.#sendFragments(end, socket, size)
      case 'webPing':
        if (end.isOpen) this.#noteSent(end, socket, socket.ping(String(end.pings++)))
        return true
      case 'webPause':
      case 'webResume':
        return this.#pause(end, socket, name === 'webPause')
      case 'webClose':
        if (end.isOpen) end.closedWith = CODES[size]
        socket.close(CODES[size], 'why')
        return true
      case 'webTerminate':
        link.isCut = end.isTerminated = true
        socket.terminate()
        return true
    }
  }

  // ---- What the program does ----

  #open(slot: number, near: Home, far: Home, form: number): boolean {
    const before = this.#links[slot]
    if (before?.ends.some(({ state }) => state !== 'gone')) return false
    // Its poller is being closed at this moment.
    const server = this.#servers.get(far)
    if (server === undefined || !this.#servers.has(near)) return false
    const link = new WebLink(slot, near, far)
    this.#links[slot] = link
    const { port } = server.localAddress
    link.near.socket = connectWebSocket<WebEnd>(near.poller, {
      address: '127.0.0.1',
      port,
      path: `/${slot}`,
      userPtr: link.near,
      ...LIMITS,
      compression: form % 2 === 0 ? false : { thresholdBytes: 1000, level: 1 },
      ...this.#handlers()
    })
    return true
  }

  #send(end: WebEnd, socket: WebSocket<WebEnd>, size: number, form: number): boolean {
    const { data, expected, scribble } = piece(size, form)
    const wasOpen = end.isOpen
    const said = socket.send(data)
    scribble()
    if (wasOpen) {
      end.out.push({ data: expected, isText: typeof data === 'string' })
      this.#noteSent(end, socket, said)
    } else if (said) end.fail('send() said true when it was closing')
    return true
  }

  #noteSent(end: WebEnd, socket: WebSocket<WebEnd>, said: boolean): void {
    if (said) {
      if (socket.bufferedBytes > HIGH_WATER_MARK_BYTES)
        end.fail(`send() said true with ${socket.bufferedBytes} bytes queued`)
      return
    }
    // Broken in this very call: its close follows.
    if (socket.bufferedBytes === 0 && end.link.isCut) return
    end.overMark = true
    end.falses++
  }

  /** By hand, on the connection below: three fragments, and a pong that nothing asked for. */
  #sendFragments(end: WebEnd, socket: WebSocket<WebEnd>, size: number): boolean {
    const { connection } = socket
    if (!end.isOpen || connection === undefined || connection.closed) return false
    const encoder = end.isClient ? encoders.client : encoders.server
    const { expected } = piece(size, 0)
    const [first, second] = [Math.floor(size / 3), Math.floor(size / 2)]
    const isContinuation = true
    connection.send(
      Buffer.concat([
        encoder.encodeFragment(expected.subarray(0, first), { isLast: false }),
        encoder.encodeFragment(expected.subarray(first, second), { isContinuation, isLast: false }),
        encoder.encodeFragment(expected.subarray(second), { isContinuation })
      ])
    )
    end.out.push({ data: expected, isText: false })
    return true
  }

  #publish(home: Home, size: number, form: number): boolean {
    const server = this.#servers.get(home)
    if (server === undefined) return false
    const { data, expected, scribble } = piece(size, form)
    const may = this.#all().filter(
      (end) =>
        !end.isClient &&
        end.home === home &&
        end.isOpen &&
        (end.socket?.bufferedBytes ?? 0) <= HIGH_WATER_MARK_BYTES
    )
    const count = server.publish(TOPIC, data)
    scribble()
    const sure = may.filter(({ link }) => !link.isCut)
    if (count > may.length || count < sure.length)
      throw new Broken(`publish() says ${count}, and ${may.length} could take it`)
    for (const end of may) end.out.push({ data: expected, isText: typeof data === 'string' })
    return may.length > 0
  }

  #pause(end: WebEnd, { connection }: WebSocket<WebEnd>, isPaused: boolean): boolean {
    if (connection === undefined || connection.closed || end.isTerminated) return false
    if (isPaused) connection.pause()
    else connection.resume()
    end.isPaused = isPaused
    return true
  }

  // ---- What its handlers get ----

  #handlers() {
    /** What a handler finds broken is thrown by the wait in which it runs. */
    const checked =
      <A extends unknown[]>(handler: (end: WebEnd, ...rest: A) => void) =>
      (socket: WebSocket<WebEnd>, ...rest: A): void => {
        try {
          const end = socket.userPtr
          if (end.state === 'gone') end.fail('a handler after onClose')
          handler(end, ...rest)
          this.#inHandler()
        } catch (error) {
          this.#failure ??= error
        }
      }
    return {
      onOpen: (socket: WebSocket<WebEnd>) => {
        socket.userPtr.socket = socket
        checked((end) => this.#onOpen(end, socket))(socket)
      },
      onMessage: checked((end, data: Buffer, isText: boolean) =>
        this.#onMessage(end, data, isText)
      ),
      onDrain: checked((end) => this.#onDrain(end)),
      onPong: checked((end, data: Buffer) => this.#onPong(end, data)),
      onClose: checked((end, code: number, reason: string) => this.#onClose(end, code, reason))
    }
  }

  #onOpen(end: WebEnd, socket: WebSocket<WebEnd>): void {
    if (end.state !== 'connecting') end.fail('a second onOpen')
    end.state = 'open'
    if (end.isClient) return
    this.#accepted.set(end.home, (this.#accepted.get(end.home) as number) + 1)
    socket.subscribe(TOPIC)
  }

  #onMessage(end: WebEnd, data: Buffer, isText: boolean): void {
    if (end.isTerminated) end.fail('a message after terminate()')
    if (end.state !== 'open') end.fail('a message before onOpen')
    const expected = end.peer.out.shift()
    if (expected === undefined) end.fail(`a message of ${data.length} bytes that was not sent`)
    if (isText !== expected.isText || !data.equals(expected.data))
      end.fail(`${data.length} bytes in place of a message of ${expected.data.length}`)
    this.#counts.messages++
  }

  #onDrain(end: WebEnd): void {
    // The answers to pings may be what was queued.
    if (end.falses === 0 && end.peer.pings === 0) end.fail('onDrain, but no send() has said false')
    end.falses = Math.max(end.falses - 1, 0)
    end.overMark = false
  }

  #onPong(end: WebEnd, data: Buffer): void {
    const number = Number(data)
    // Of several pings the last may be answered for all (RFC 6455, 5.5.3).
    if (number <= end.pongs || number >= end.pings) end.fail(`a pong of ${data}`)
    end.pongs = number
  }

  #onClose(end: WebEnd, code: number, reason: string): void {
    const { peer, link, socket } = end
    end.home.bytesSent += socket?.connection?.bytesSent ?? 0
    end.home.bytesReceived += socket?.connection?.bytesReceived ?? 0
    end.state = 'gone'
    const expected = peer.closedWith ?? end.closedWith
    if (link.isCut) {
      if (code !== 1006 && code !== expected && code !== end.closedWith)
        end.fail(`onClose with ${code}, after a cut`)
      return
    }
    if (expected === undefined) end.fail(`onClose with ${code}, but nobody closed it`)
    if (code !== expected) end.fail(`onClose with ${code} in place of ${expected}`)
    if (reason !== (peer.closedWith === undefined ? '' : 'why')) end.fail(`the reason ${reason}`)
    if (peer.out.length > 0)
      end.fail(`onClose before ${peer.out.length} messages that were sent before it`)
  }

  // ---- For the world ----

  /** Throws what a handler has found broken. */
  check(): void {
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
  }

  get isConnecting(): boolean {
    return this.#all().some(({ state }) => state === 'connecting')
  }

  resumeAll(): void {
    for (const end of this.#all())
      if (end.isPaused && end.state === 'open' && end.socket !== undefined)
        this.#pause(end, end.socket, false)
  }

  closeAll(): void {
    for (const link of this.#links) {
      if (link === undefined) continue
      const end = link.near
      if (end.isOpen) end.closedWith = 1000
      if (end.state === 'open') end.socket?.close(1000, 'why')
    }
  }

  /** What has still to come; undefined when nothing has. */
  missing(): string | undefined {
    for (const end of this.#all()) {
      const { link, peer, name } = end
      if (end.state === 'gone') continue
      if (end.state === 'connecting' && !link.isCut) return `${name}: onOpen`
      const mustClose = link.isCut || end.closedWith !== undefined || peer.closedWith !== undefined
      if (mustClose) {
        // A server's end of a connection that was cut before it was seen.
        if (end.state === 'connecting' && end.socket === undefined) continue
        return `${name}: onClose`
      }
      if (peer.out.length > 0) return `${name}: ${peer.out.length} messages`
      if (end.overMark) return `${name}: onDrain`
    }
  }

  /** Everything that is awaited has come. */
  settled(): void {
    for (const end of this.#all()) end.falses = 0
  }

  /** The listener, and the open WebSockets; and what these have sent and received. */
  statsAt(home: Home): { sockets: number; accepted: number; sent: number; received: number } {
    const stats = { sockets: 1, accepted: this.#accepted.get(home) ?? 0, sent: 0, received: 0 }
    for (const { home: own, state, socket } of this.#all()) {
      if (own !== home || state === 'gone' || socket === undefined) continue
      stats.sockets++
      stats.sent += socket.connection?.bytesSent ?? 0
      stats.received += socket.connection?.bytesReceived ?? 0
    }
    return stats
  }

  /** That poller is about to be closed, and its WebSockets with it. */
  cut(home: Home): void {
    for (const link of this.#links)
      if (link?.ends.some((end) => end.home === home && end.state !== 'gone')) link.isCut = true
    this.#servers.delete(home)
  }

  #all(): WebEnd[] {
    return this.#links.flatMap((link) => link?.ends ?? [])
  }
}
