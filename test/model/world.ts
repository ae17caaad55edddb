// Runs random programs: several pollers of one thread, their sockets, and the model of each. Every
// event is checked when it comes; settle() checks that what had to come has come. Throws Broken
// with a sentence.
import {
  type PollEvent,
  type Poller,
  Socket,
  type TcpConnection,
  type TcpListener,
  WOULD_BLOCK
} from 'pollport'
import { piece, rewind } from './bytes.ts'
import { Datagrams } from './datagrams.ts'
import { Broken, End, type Home } from './end.ts'
import { COUNTS, lineOf, type Operation } from './operations.ts'
import { type ModelSystem, realSystem } from './system.ts'
import { WebSockets } from './websockets.ts'

const options = [
  {},
  {
    batchBufferBytes: 64 * 1024,
    readBudgetBytes: 4096,
    highWaterMarkBytes: 16 * 1024,
    maxEvents: 3,
    maxDatagramBytes: 1000
  },
  { batchBufferBytes: 64 * 1024, highWaterMarkBytes: 0, maxEvents: 1 },
  {
    batchBufferBytes: 128 * 1024,
    readBudgetBytes: 20_000,
    highWaterMarkBytes: 64 * 1024,
    maxEvents: 16,
    maxDatagramBytes: 65_535
  }
] as const

export interface Counts {
  operations: number
  connections: number
  bytes: number
  datagrams: number
  messages: number
  events: number
}

class PollerModel implements Home {
  readonly number: number
  readonly poller: Poller<unknown>
  readonly highWaterMarkBytes: number
  readonly ends = new Set<End>()
  batch = 0
  isHandling = false
  waitBegan = 0
  bytesSent = 0
  bytesReceived = 0
  accepts = 0
  wakePending = false
  isClosed = false
  readonly #system: ModelSystem

  constructor(number: number, system: ModelSystem) {
    this.number = number
    this.#system = system
    const given: { highWaterMarkBytes?: number } = options[number]
    this.poller = system.makePoller(options[number])
    this.highWaterMarkBytes = given.highWaterMarkBytes ?? 1024 * 1024
  }

  now(): number {
    return this.#system.now()
  }

  get budgets(): { readBudgetBytes: number; batchBufferBytes: number; maxEvents: number } {
    const all = {
      readBudgetBytes: 256 * 1024,
      batchBufferBytes: 256 * 1024,
      maxEvents: 1024,
      ...options[this.number]
    }
    return { ...all, readBudgetBytes: Math.min(all.readBudgetBytes, all.batchBufferBytes) }
  }
}

class ListenerModel {
  readonly home: PollerModel
  readonly socket: TcpListener<unknown>
  readonly to: { address: string; port: number }
  isPaused = false
  isClosed = false
  closeTold = false

  constructor(home: PollerModel) {
    this.home = home
    this.socket = home.poller.listenTcp({ address: '127.0.0.1', port: 0 }, this)
    this.to = { address: '127.0.0.1', port: this.socket.localAddress.port }
  }

  get isGone(): boolean {
    return this.isClosed || this.home.isClosed
  }
}

export class World {
  readonly counts: Counts = {
    operations: 0,
    connections: 0,
    bytes: 0,
    datagrams: 0,
    messages: 0,
    events: 0
  }
  /** The last operations and events, for the report of a failure. */
  readonly story: string[] = []
  #pollers: PollerModel[]
  #listeners: (ListenerModel | undefined)[] = new Array(COUNTS.listeners).fill(undefined)
  #links: (readonly [near: End, far: End] | undefined)[] = new Array(COUNTS.links).fill(undefined)
  #byAddress = new Map<string, End>()
  #connects = 0
  #inNextEvent: Operation[] = []
  #datagrams: Datagrams
  readonly #webs: WebSockets
  /** Done in the next handler of a WebSocket. */
  #inNextHandler: Operation[] = []
  readonly #deadlineMs: number
  readonly #system: ModelSystem

  /** `deadlineMs`: how long what must come may take. */
  constructor(deadlineMs: number, system = realSystem) {
    this.#deadlineMs = deadlineMs
    this.#system = system
    rewind()
    this.#pollers = Array.from(
      { length: COUNTS.pollers },
      (_, number) => new PollerModel(number, system)
    )
    this.#datagrams = new Datagrams(this.counts, (number) => this.#pollers[number])
    this.#webs = new WebSockets(this.counts, () => {
      const next = this.#inNextHandler.pop()
      if (next !== undefined) this.#do(next)
    })
    for (const home of this.#pollers) this.#webs.serve(home)
    for (let number = 0; number < COUNTS.listeners; number++)
      this.#listeners[number] = new ListenerModel(this.#pollers[number])
  }

  run(operation: Operation): void {
    const waiting = operation.name.startsWith('web') ? this.#inNextHandler : this.#inNextEvent
    if (operation.inEvent && waiting.length < 8) {
      waiting.push(operation)
      return
    }
    this.#do(operation)
  }

  /** Everything that is open is waited for, then closed. */
  finish(): void {
    this.#settle()
    for (const [end] of this.#allEnds()) end.close()
    this.#webs.closeAll()
    this.#settle()
    this.close()
  }

  close(): void {
    for (const [end] of this.#allEnds()) end.raw?.close()
    for (const { poller } of this.#pollers) poller.close()
  }

  #do(operation: Operation): void {
    if (!this.#try(operation)) return
    this.counts.operations++
    this.#tell(lineOf(operation))
  }

  #tell(line: string): void {
    this.story.push(line)
    if (this.story.length > 200) this.story.splice(0, 100)
  }

  #end(link: number, side: number): End | undefined {
    return this.#links[link]?.[side]
  }

  /** Does it, unless there is nothing to do it to. */
  #try({ name, numbers }: Operation): boolean {
    const [a, b, c, d] = numbers
    switch (name) {
      case 'listen':
        return this.#listen(a, b)
      case 'closeListener':
        return this.#closeListener(this.#listeners[a])
      case 'pauseListener':
      case 'resumeListener':
        return this.#pauseListener(this.#listeners[a], name === 'pauseListener')
      case 'connect':
        return this.#connect(a, this.#pollers[b], this.#listeners[c], d)
      case 'broadcast':
        return this.#broadcast(this.#pollers[a], b, c)
      case 'rawSend':
        return this.#rawSend(this.#end(a, b), c)
      case 'rawReceive':
        return this.#rawReceive(this.#end(a, b), c)
      case 'detach':
        return this.#detach(this.#end(a, b))
      case 'adopt':
        return this.#adopt(this.#end(a, b), this.#pollers[c])
      case 'move':
        return this.#detach(this.#end(a, b)) && this.#adopt(this.#end(a, b), this.#pollers[c])
      case 'wake':
        this.#pollers[a].poller.wake()
        this.#pollers[a].wakePending = true
        return true
      case 'flush':
        this.#pollers[a].poller.flush()
        return true
      case 'wait':
        this.#wait(this.#pollers[a], b)
        return true
      case 'reopen':
        return this.#reopen(a)
      case 'settle':
        this.#settle()
        return true
      case 'bind':
      case 'datagram':
      case 'pauseUdp':
      case 'resumeUdp':
      case 'closeUdp':
        return this.#datagrams.do(name, a, b, c)
      case 'webOpen':
      case 'webSend':
      case 'webFragments':
      case 'webPing':
      case 'webPublish':
      case 'webPause':
      case 'webResume':
      case 'webClose':
      case 'webTerminate':
        return this.#webs.do(name, numbers, this.#pollers)
      default:
        return this.#end(a, b)?.[name](c, d) ?? false
    }
  }

  // ---- Listeners and connections ----

  #listen(number: number, poller: number): boolean {
    if (this.#listeners[number] !== undefined) return false
    this.#listeners[number] = new ListenerModel(this.#pollers[poller])
    return true
  }

  #closeListener(listener: ListenerModel | undefined): boolean {
    if (listener === undefined || listener.isClosed) return false
    listener.isClosed = true
    listener.socket.close()
    return true
  }

  #pauseListener(listener: ListenerModel | undefined, isPaused: boolean): boolean {
    if (listener === undefined || listener.isClosed) return false
    if (isPaused) listener.socket.pause()
    else listener.socket.resume()
    listener.isPaused = isPaused
    return true
  }

  #connect(
    slot: number,
    home: PollerModel,
    listener: ListenerModel | undefined,
    choice: number
  ): boolean {
    const link = this.#links[slot]
    if (link?.some(({ socket, raw }) => socket !== undefined || raw !== undefined)) {
      // One end has gone: so does the other, to make room.
      const left = link[0].isLost ? link[1] : link[1].isLost ? link[0] : undefined
      if (left === undefined || left.gaveUp !== undefined) return false
      if (left.raw !== undefined) return this.#closeRaw(left)
      return choice === 0 ? left.reset() : left.close()
    }
    if (listener === undefined) return false
    const number = ++this.#connects
    // An address of its own on the loopback: it identifies the accepted connection.
    const localAddress = `127.${64 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`
    const near = new End(`link ${slot} near`)
    const far = new End(`link ${slot} far`)
    near.peer = far
    far.peer = near
    near.mayBeRefused = () => listener.isGone
    this.#links[slot] = [near, far]
    this.#byAddress.set(localAddress, far)
    near.moveTo(home, home.poller.connectTcp({ ...listener.to, localAddress }), 'connecting')
    this.counts.connections++
    return true
  }

  #onAccept(event: PollEvent<unknown> & { type: 'accept' }, home: PollerModel): void {
    const listener = event.userPtr as ListenerModel
    if (event.listener !== listener.socket || listener.home !== home)
      throw new Broken('accept of another listener')
    const far = this.#byAddress.get(event.socket.remoteAddress.address)
    if (far === undefined || far.state !== 'awaited')
      throw new Broken(`${far?.name ?? 'a stranger'}: accepted twice, or unasked`)
    far.moveTo(home, event.socket, 'open')
    home.accepts++
  }

  #broadcast(home: PollerModel, size: number, form: number): boolean {
    const ends = [...home.ends].filter(({ isLive, socket }) => isLive && socket !== undefined)
    const may = ends.filter(({ endCalled, state }) => !endCalled && state !== 'gone')
    const before = new Map(may.map((end) => [end, end.counted()]))
    const { data, expected, scribble } = piece(size, form)
    const taken = home.poller.broadcast(
      ends.map(({ socket }) => socket as TcpConnection<unknown>),
      data
    )
    scribble()
    if (taken > may.length || taken < may.filter(({ peer }) => !peer.isLost).length)
      throw new Broken(`broadcast() says ${taken}, and ${may.length} could take it`)
    if (expected.length === 0) return true
    for (const [end, counted] of before) end.onQueued(expected, counted, undefined)
    return true
  }

  // ---- Other floors ----

  #detach(end: End | undefined): boolean {
    if (!this.#system.hasRawSockets) return false
    const handle = end?.detach()
    if (end === undefined || handle === undefined) return false
    end.raw = Socket.fromHandle(handle, { type: 'tcp' })
    return true
  }

  #adopt(end: End | undefined, home: PollerModel): boolean {
    if (end?.raw === undefined) return false
    let socket: unknown
    try {
      socket = home.poller.adopt(end.raw)
    } catch (error) {
      // A reset that has come meanwhile: the socket is not connected any more.
      if (!end.peer.isLost) throw error
      return this.#closeRaw(end)
    }
    end.moveTo(home, socket as TcpConnection<unknown>, 'open')
    return true
  }

  #rawSend(end: End | undefined, size: number): boolean {
    if (end?.raw === undefined) return false
    const { data, expected, scribble } = piece(size, 0)
    if (end.peer.isLost) end.sentToNobody = true
    try {
      const sent = expected.length === 0 ? 0 : end.raw.send(data as Uint8Array)
      if (sent !== WOULD_BLOCK) end.out.give(expected.subarray(0, sent))
    } catch (error) {
      if (!end.peer.isLost) throw error
      this.#closeRaw(end)
    }
    scribble()
    return true
  }

  #rawReceive(end: End | undefined, size: number): boolean {
    if (end?.raw === undefined) return false
    try {
      const data = end.raw.recv(size + 1)
      if (data === WOULD_BLOCK) return true
      const wrong = data.length === 0 ? undefined : end.peer.out.take(data)
      if (wrong !== undefined) end.fail(`recv() gave ${wrong}`)
      if (data.length > 0) return true
      if (!end.peer.endCalled && !end.peer.isLost)
        end.fail('recv() saw an end, but the peer has not finished')
    } catch (error) {
      if (error instanceof Broken || !end.peer.isLost) throw error
    }
    return this.#closeRaw(end)
  }

  #closeRaw(end: End): boolean {
    end.raw?.close()
    end.raw = undefined
    end.wasCut = true
    end.leave('gone')
    return true
  }

  // ---- Waiting ----

  #wait(home: PollerModel, timeoutMs: number): number {
    home.batch++
    home.waitBegan = home.now()
    const events = home.poller.wait(timeoutMs)
    this.#webs.check()
    if (events.length === 0) return 0
    const batch = home.batch
    const received = new Map<End, number>()
    // Before the batch is handled: a wake in the handling is one for the next wait.
    let wakes = 0
    for (let at = 0; at < events.length; at++) {
      const event = events[at]
      if (event.type === 'wake') wakes++
      else if (event.type === 'timeout') (event.userPtr as End).beforeTimeout()
    }
    if (wakes > 1 || (wakes > 0 && !home.wakePending))
      throw new Broken(`${wakes} wakes that nobody asked for`)
    if (wakes > 0) home.wakePending = false
    let bytes = 0
    home.isHandling = true
    for (const event of events) {
      this.counts.events++
      const of = event.type === 'wake' ? undefined : event.userPtr
      this.#tell(
        `    ${of instanceof End ? of.name : `poller ${home.number}`}: ${event.type}${'data' in event ? ` ${event.data.length} bytes` : ''}`
      )
      if (event.type === 'accept') this.#onAccept(event, home)
      else if (of instanceof End) {
        of.on(event, home)
        if (event.type === 'receive') {
          received.set(of, (received.get(of) ?? 0) + event.data.length)
          bytes += event.data.length
        }
      } else if (of instanceof ListenerModel) this.#onListener(of, event)
      else if (event.type !== 'wake') this.#datagrams.on(event, home)
      const next = this.#inNextEvent.pop()
      if (next !== undefined) this.#do({ ...next })
      if (batch !== home.batch) throw new Broken('a wait inside of a batch')
    }
    home.isHandling = false
    this.counts.bytes += bytes
    if (!home.isClosed) this.#checkBatch(home, received, bytes)
    return events.length
  }

  #checkBatch(home: PollerModel, received: Map<End, number>, bytes: number): void {
    const { readBudgetBytes, batchBufferBytes, maxEvents } = home.budgets
    if (bytes > batchBufferBytes) throw new Broken(`${bytes} bytes in one batch`)
    if (received.size > maxEvents) throw new Broken(`${received.size} sockets in one batch`)
    for (const [end, ofEnd] of received) {
      if (ofEnd > readBudgetBytes)
        end.fail(`${ofEnd} bytes of one wait, and the budget is ${readBudgetBytes}`)
      end.checkCounters()
    }
  }

  #onListener(listener: ListenerModel, event: PollEvent<unknown>): void {
    if (event.type !== 'close') throw new Broken(`a listener gave ${event.type}`)
    if (!listener.isClosed || listener.closeTold)
      throw new Broken('a listener closed by itself, or twice')
    listener.closeTold = true
    this.#listeners[this.#listeners.indexOf(listener)] = undefined
  }

  // ---- Closing pollers, and what must have come true ----

  #reopen(number: number): boolean {
    // What a handshake of theirs has sent would be nobody's to count.
    if (this.#webs.isConnecting) return false
    const home = this.#pollers[number]
    home.isClosed = true
    this.#webs.cut(home)
    for (const end of home.ends) end.hasClosedPoller = end.socket?.closed === true
    home.poller.close()
    for (const end of [...home.ends]) {
      end.wasCut = true
      end.leftInOrder = false
      end.leave('gone')
    }
    this.#listeners = this.#listeners.map((listener) =>
      listener?.home === home ? undefined : listener
    )
    this.#datagrams.forget(home)
    this.#webs.check()
    this.#pollers[number] = new PollerModel(number, this.#system)
    this.#webs.serve(this.#pollers[number])
    for (let at = 0; at < COUNTS.listeners; at++)
      this.#listeners[at] ??= new ListenerModel(this.#pollers[number])
    return true
  }

  /** All ends that are open, with what each still misses. */
  #allEnds(): [End, string | undefined][] {
    const raw = this.#links.flatMap((link) => link ?? []).filter((end) => end.raw !== undefined)
    return [...raw, ...this.#pollers.flatMap(({ ends }) => [...ends])].map((end) => [
      end,
      end.missing()
    ])
  }

  #settle(): void {
    for (const listener of this.#listeners) {
      if (listener?.isPaused && !listener.isClosed) this.#pauseListener(listener, false)
    }
    const limit = this.#system.now() + this.#deadlineMs
    let idle = 0
    for (;;) {
      for (const [end] of this.#allEnds()) {
        if (end.raw !== undefined) this.#adopt(end, this.#pollers[3])
        if (end.paused) end.resume()
      }
      this.#webs.resumeAll()
      let count = 0
      for (const home of this.#pollers) count += this.#wait(home, idle > 2 ? 0.2 : 0)
      idle = count > 0 ? 0 : idle + 1
      if (idle < 2) continue
      const missing = this.#missing()
      if (missing === undefined) break
      if (this.#system.now() > limit)
        throw new Broken(`${missing}: this did not come within ${this.#deadlineMs} ms`)
    }
    this.#check()
  }

  #missing(): string | undefined {
    for (const [end, missing] of this.#allEnds())
      if (missing !== undefined) return `${end.name}: ${missing}`
    for (const home of this.#pollers) if (home.wakePending) return `poller ${home.number}: wake`
    for (const listener of this.#listeners) if (listener?.isClosed) return 'the close of a listener'
    return this.#datagrams.missing() ?? this.#webs.missing()
  }

  /**
   * Whole or lost by its own fault: what had to arrive has; and the pollers' counters are those of
   * their sockets.
   */
  #check(): void {
    for (const [end] of this.#allEnds()) {
      const { peer } = end
      end.checkCounters()
      end.falses = 0 // The drains of all of them have come.
      if (peer.leftInOrder && !end.sentToNobody && !peer.out.isWhole)
        end.fail(
          `${peer.out.given - peer.out.received} bytes of a peer that closed in order have not come`
        )
    }
    this.#webs.settled()
    for (const home of this.#pollers) this.#checkStats(home)
  }

  #checkStats(home: PollerModel): void {
    const { stats } = home.poller
    const listeners = this.#listeners.filter(
      (listener) => listener?.home === home && !listener.isClosed
    ).length
    const webs = this.#webs.statsAt(home)
    const open = home.ends.size + listeners + this.#datagrams.openAt(home) + webs.sockets
    const accepts = home.accepts + webs.accepted
    const sums = {
      sent: home.bytesSent + webs.sent,
      received: home.bytesReceived + webs.received
    }
    for (const { socket } of home.ends) {
      sums.sent += socket?.bytesSent ?? 0
      sums.received += socket?.bytesReceived ?? 0
    }
    const name = `poller ${home.number}: stats`
    if (stats.sockets !== open) throw new Broken(`${name}.sockets is ${stats.sockets} of ${open}`)
    if (stats.accepted !== accepts)
      throw new Broken(`${name}.accepted is ${stats.accepted} of ${accepts}`)
    if (stats.bytesReceived !== sums.received)
      throw new Broken(`${name}.bytesReceived is ${stats.bytesReceived} of ${sums.received}`)
    if (stats.bytesSent !== sums.sent)
      throw new Broken(`${name}.bytesSent is ${stats.bytesSent} of ${sums.sent}`)
  }
}
