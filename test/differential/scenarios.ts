// Scripts that any system plays, each on a poller of its own, with both ends of every connection in
// it. What each socket tells is its trace.
import { createHash } from 'node:crypto'
import {
  type PollEvent,
  Poller,
  type PollerOptions,
  type PollSocket,
  Socket,
  type TcpConnection,
  type TcpListener,
  type UdpSocket
} from 'pollport'
import { webSocketScenarios } from './websockets.ts'

const LOCAL = '127.0.0.1'
const DEADLINE_MS = 15_000
// Longer than any event takes that is under way; what must not come has this long to come.
const QUIET_MS = 100

type Connection = TcpConnection<string>

/** Plays one scenario: its userPtrs are the names under which sockets have their traces. */
export class Stage {
  readonly poller: Poller<string>
  readonly traces = new Map<string, string[]>()
  /** Called with each event, after it was noted. */
  onEvent: (event: PollEvent<string>, name: string) => void = () => {}
  #accepted = 0

  readonly #now: () => number

  /** `makePoller` and `now`: of the system, or of what stands for one. */
  constructor(
    makePoller = (options: PollerOptions) => new Poller<string>(options),
    now = () => performance.now()
  ) {
    this.poller = makePoller({ highWaterMarkBytes: 256 * 1024 })
    this.#now = now
  }

  readonly #names = new Map<PollSocket<string>, string>()
  /**
   * Bytes since the last other event of that name: how they are cut into events is the network's
   * choice.
   */
  readonly #bytes = new Map<string, Buffer[]>()

  listen(options: { name?: string } = {}): TcpListener<string> {
    return this.#named(
      this.poller.listenTcp({ address: LOCAL, port: 0 }, options.name ?? 'listener')
    )
  }

  connect(listener: TcpListener<string>, name = 'client'): Connection {
    return this.#named(this.poller.connectTcp(listener.localAddress, name))
  }

  udp(name: string): UdpSocket<string> {
    return this.#named(this.poller.bindUdp({ address: LOCAL, port: 0 }, name))
  }

  #named<T extends PollSocket<string>>(socket: T): T {
    this.#names.set(socket, socket.userPtr as string)
    return socket
  }

  /**
   * A connection whose two ends are known to each other: `client` and `server`, or with a suffix.
   */
  async pair(
    listener: TcpListener<string>,
    suffix = ''
  ): Promise<{ client: Connection; server: Connection }> {
    let server: Connection | undefined
    const before = this.onEvent
    this.onEvent = (event, name) => {
      if (event.type === 'accept') server = event.socket
      before(event, name)
    }
    const client = this.connect(listener, `client${suffix}`)
    await this.until(
      'both ends are there',
      () => server !== undefined && this.has(`client${suffix}`, 'connect')
    )
    this.onEvent = before
    return { client, server: server as Connection }
  }

  has(name: string, entry: string): boolean {
    return this.traces.get(name)?.some((line) => line.startsWith(entry)) ?? false
  }

  async until(what: string, done: () => boolean): Promise<void> {
    const end = this.#now() + DEADLINE_MS
    while (!done()) {
      if (this.#now() > end)
        throw new Error(`${what}: never happened. ${JSON.stringify(this.#result())}`)
      this.step(1)
      await new Promise(setImmediate)
    }
  }

  async quiet(): Promise<void> {
    for (const end = this.#now() + QUIET_MS; this.#now() < end; ) {
      this.step(1)
      await new Promise(setImmediate)
    }
  }

  step(timeoutMs: number): void {
    for (const event of this.poller.wait(timeoutMs)) this.#note(event)
  }

  /** What a handler was told. */
  note(name: string, entry: string): void {
    this.#add(name, entry)
  }

  /** As bytes stand in a trace. */
  shown(data: Buffer): string {
    return shown(data)
  }

  /** Its peer has finished. */
  hasEnded({ userPtr = '' }: Connection): boolean {
    return this.has(userPtr, 'end')
  }

  #note(event: PollEvent<string>): void {
    if (event.type === 'wake') return this.#add('poller', 'wake')
    if (event.type === 'accept') {
      const name = `server${this.#accepted++ || ''}`
      event.socket.userPtr = name
      this.#names.set(event.socket, name)
      this.#add(name, 'accept')
      return this.onEvent(event, name)
    }
    const name = this.#names.get(event.socket) ?? event.userPtr ?? 'stranger'
    if (event.type === 'receive') {
      const pieces = this.#bytes.get(name) ?? []
      pieces.push(Buffer.from(event.data))
      this.#bytes.set(name, pieces)
    } else if (event.type === 'datagram') {
      this.#add(name, `datagram ${shown(event.data)}${event.truncated ? ' truncated' : ''}`)
    } else {
      const { error } = event as { error?: { code: string } }
      this.#add(name, error === undefined ? event.type : `${event.type} ${error.code}`)
    }
    this.onEvent(event, name)
  }

  #add(name: string, entry: string): void {
    const trace = this.traces.get(name) ?? []
    this.traces.set(name, trace)
    const bytes = this.#bytes.get(name)
    if (bytes !== undefined) {
      trace.push(`receive ${shown(Buffer.concat(bytes))}`)
      this.#bytes.delete(name)
    }
    trace.push(entry)
  }

  adopt(socket: Socket, name: string): Connection {
    return this.#named(this.poller.adopt(socket, name) as Connection)
  }

  /** For scenarios that report bytes in their own words. */
  forgetBytes(): void {
    this.#bytes.clear()
  }

  received(name: string): number {
    return (this.#bytes.get(name) ?? []).reduce((sum, piece) => sum + piece.length, 0)
  }

  #result(): Record<string, string[]> {
    const all: [string, string[]][] = [...this.traces].map(([name, trace]) => [name, [...trace]])
    const traces = new Map(all)
    for (const [name, bytes] of this.#bytes) {
      traces.set(name, [...(traces.get(name) ?? []), `receive ${shown(Buffer.concat(bytes))}`])
    }
    return Object.fromEntries([...traces].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** Ends the scenario: the trace of each socket, by name. */
  finish(): Record<string, string[]> {
    this.poller.close()
    return this.#result()
  }
}

function shown(data: Buffer): string {
  if (data.length <= 40) return JSON.stringify(String(data))
  return `${data.length} bytes ${createHash('sha256').update(data).digest('hex').slice(0, 12)}`
}

function pattern(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let at = 0; at < length; at++) bytes[at] = (at * 31) ^ (at >> 8)
  return bytes
}

const closed = (stage: Stage, ...names: string[]) =>
  stage.until(`${names} closed`, () => names.every((name) => stage.has(name, 'close')))

/**
 * The scripts by name. Data followed by a reset is not among them: Linux gives the data first,
 * Windows may not.
 */
export const scenarios: Record<string, (stage: Stage) => Promise<void>> = {
  'the client closes': async (stage) => {
    const { client, server } = await stage.pair(stage.listen())
    client.close()
    await stage.until('the end', () => stage.has('server', 'end'))
    server.close()
    await closed(stage, 'client', 'server')
  },
  'the server closes': async (stage) => {
    const { client, server } = await stage.pair(stage.listen())
    server.close()
    await stage.until('the end', () => stage.has('client', 'end'))
    client.end()
    await closed(stage, 'client', 'server')
  },
  'an echo, then both end': async (stage) => {
    stage.onEvent = (event, name) => {
      if (name === 'server' && event.type === 'receive') event.socket.send(event.data)
      if (name === 'server' && event.type === 'end') event.socket.end()
    }
    const { client } = await stage.pair(stage.listen())
    client.send('hello, ')
    client.send('world')
    client.end()
    await closed(stage, 'client', 'server')
  },
  'what was sent before the connect was done': async (stage) => {
    const listener = stage.listen()
    const client = stage.connect(listener)
    client.send('early bird')
    client.end()
    await stage.until('the end', () => stage.has('server', 'end'))
    await stage.quiet()
  },
  'half-close: the server goes on sending': async (stage) => {
    const { client, server } = await stage.pair(stage.listen())
    client.end()
    await stage.until('the end', () => stage.has('server', 'end'))
    server.send('late data')
    server.end()
    await closed(stage, 'client', 'server')
  },
  'both end at once': async (stage) => {
    const { client, server } = await stage.pair(stage.listen())
    client.send('a')
    server.send('b')
    client.end()
    server.end()
    await closed(stage, 'client', 'server')
  },
  'the client resets': async (stage) => {
    const { client } = await stage.pair(stage.listen())
    client.reset()
    await closed(stage, 'client', 'server')
  },
  'the server resets': async (stage) => {
    const { server } = await stage.pair(stage.listen())
    server.reset()
    await closed(stage, 'client', 'server')
  },
  'both reset at once': async (stage) => {
    const { client, server } = await stage.pair(stage.listen())
    client.reset()
    server.reset()
    await closed(stage, 'client', 'server')
  },
  'a reset after an answered question': async (stage) => {
    stage.onEvent = (event, name) => {
      if (event.type !== 'receive') return
      if (name === 'server') event.socket.send('answer')
      else event.socket.reset()
    }
    const { client } = await stage.pair(stage.listen())
    client.send('question')
    await closed(stage, 'client', 'server')
  },
  'nobody listens': async (stage) => {
    const listener = stage.listen()
    const address = listener.localAddress
    listener.close()
    stage.step(0)
    const client = stage.connect({ localAddress: address } as TcpListener<string>)
    await stage.until('the answer', () => client.closed)
    await stage.quiet()
  },
  'given up while connecting': async (stage) => {
    const client = stage.connect(stage.listen())
    client.close()
    await stage.quiet()
  },
  'reset while connecting': async (stage) => {
    const client = stage.connect(stage.listen())
    client.reset()
    await stage.quiet()
  },
  'paused across data and the end': async (stage) => {
    const { client, server } = await stage.pair(stage.listen())
    server.pause()
    client.send('kept')
    client.end()
    await stage.quiet()
    server.resume()
    await stage.until('the end', () => stage.has('server', 'end'))
    server.end()
    await closed(stage, 'client', 'server')
  },
  'paused in the handler, and resumed': async (stage) => {
    stage.onEvent = (event, name) => {
      if (name === 'server' && event.type === 'receive') event.socket.pause()
    }
    const { client, server } = await stage.pair(stage.listen())
    client.send('first')
    await stage.until('the first', () => stage.received('server') === 5)
    client.send(' second')
    await stage.quiet()
    server.resume()
    await stage.until('the second', () => stage.received('server') === 12)
    client.end()
    server.resume()
    await stage.until('the end', () => stage.has('server', 'end'))
    server.end()
    await closed(stage, 'client', 'server')
  },
  'a flood against a paused reader: one drain, and nothing is lost': async (stage) => {
    const { client, server } = await stage.pair(stage.listen())
    server.pause()
    const piece = pattern(64 * 1024)
    let sent = 0
    while (client.send(piece) && sent < 1024) sent++
    // So much that no system's own buffers take it all.
    for (let more = 0; more < 512; more++) client.send(piece)
    const total = (sent + 1 + 512) * piece.length
    await stage.quiet()
    server.resume()
    await stage.until(
      'all of it',
      () => server.bytesReceived === total && stage.has('client', 'drain')
    )
    stage.traces.set('client', [
      'connect',
      'drain',
      String(server.bytesReceived === client.bytesSent)
    ])
    client.close()
    await stage.until('the end', () => stage.has('server', 'end'))
    const trace = stage.traces.get('server') as string[]
    // How much was sent before it was told to stop, and so how often it was told to go on, depends
    // on the system's buffers.
    trace.splice(1, trace.length - 1, 'receive all of it', 'end')
    server.close()
    await closed(stage, 'client', 'server')
  },
  'four mebibytes each way': async (stage) => {
    const { client, server } = await stage.pair(stage.listen())
    const bytes = pattern(4 * 1024 * 1024)
    client.send(bytes)
    server.send(bytes)
    client.end()
    server.end()
    await closed(stage, 'client', 'server')
    for (const name of ['client', 'server']) {
      const trace = stage.traces.get(name) as string[]
      // When the queue drains is a matter of the systems' buffers; that it drains once is not.
      stage.traces.set(
        name,
        trace.filter((line) => line !== 'drain')
      )
    }
  },
  'close() sends what is queued first': async (stage) => {
    const { client, server } = await stage.pair(stage.listen())
    client.send(pattern(3 * 1024 * 1024))
    client.close()
    await stage.until('the end', () => stage.has('server', 'end'))
    server.close()
    await closed(stage, 'client', 'server')
  },
  'reset() drops what is queued': async (stage) => {
    const { client, server } = await stage.pair(stage.listen())
    server.pause()
    for (let count = 0; count < 400; count++) client.send(pattern(64 * 1024))
    client.reset()
    await closed(stage, 'client')
    server.reset()
    await closed(stage, 'server')
  },
  'one closes the other in the same batch': async (stage) => {
    const listener = stage.listen()
    const first = await stage.pair(listener)
    const second = await stage.pair(listener, '1')
    first.client.send('one')
    second.client.send('two')
    // Long enough for both to be in one batch.
    stage.poller.flush()
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
    let closer: string | undefined
    stage.onEvent = (event, name) => {
      if (event.type !== 'receive' || closer !== undefined) return
      closer = name
      ;(name === 'server' ? second.server : first.server).close()
    }
    await stage.quiet()
    // Which of the two came first is the system's choice.
    const names = closer === 'server' ? ['server', 'server1'] : ['server1', 'server']
    const traces = names.map((name) => stage.traces.get(name) ?? [])
    stage.traces.set('server', [...traces[0], `${stage.received(names[0])} bytes`])
    stage.traces.set('server1', [...traces[1], `${stage.received(names[1])} bytes`])
    stage.forgetBytes()
    for (const name of ['client', 'client1']) stage.traces.delete(name)
  },
  'closing, ending, resetting inside the accept': async (stage) => {
    const listener = stage.listen()
    const ways = ['close', 'end', 'reset'] as const
    let next = 0
    stage.onEvent = (event) => {
      if (event.type === 'accept') event.socket[ways[next++]]()
      if (event.type === 'end') (event.socket as Connection).end()
    }
    for (const [number, way] of ways.entries()) {
      stage.connect(listener, `client to ${way}`)
      await closed(stage, `server${number || ''}`, `client to ${way}`)
      await stage.quiet()
    }
  },
  'a listener that closes keeps its connections': async (stage) => {
    const listener = stage.listen()
    const { client, server } = await stage.pair(listener)
    listener.close()
    client.send('still there')
    await stage.until('it', () => stage.received('server') === 11)
    server.end()
    client.end()
    await closed(stage, 'client', 'server', 'listener')
  },
  'a paused listener lets clients wait': async (stage) => {
    const listener = stage.listen()
    listener.pause()
    stage.connect(listener)
    await stage.quiet()
    listener.resume()
    await stage.until('the accept', () => stage.has('server', 'accept'))
    await stage.quiet()
  },
  'sending to one that is gone': async (stage) => {
    const { client, server } = await stage.pair(stage.listen())
    client.pause()
    server.close()
    await stage.quiet()
    for (let tries = 0; tries < 200 && !client.closed; tries++) {
      client.resume()
      client.send('anybody?')
      stage.step(5)
    }
    await closed(stage, 'client', 'server')
    const trace = stage.traces.get('client') as string[]
    // Whether the reset is met by a send or by a receive is a race: the close has an error or the
    // end came first.
    stage.traces.set('client', [
      trace[0],
      ...trace
        .filter((line) => line.startsWith('close'))
        .map(() => 'close with an error or after the end')
    ])
  },
  'idle for a while': async (stage) => {
    const { client, server } = await stage.pair(stage.listen())
    server.setIdleTimeout(20)
    await stage.until('the time-out', () => stage.has('server', 'timeout'))
    await stage.quiet()
    client.send('awake')
    await stage.until(
      'another',
      () => (stage.traces.get('server') ?? []).filter((line) => line === 'timeout').length === 2
    )
    client.reset()
    await closed(stage, 'client', 'server')
  },
  'a thousand wakes': async (stage) => {
    for (let count = 0; count < 1000; count++) stage.poller.wake()
    await stage.quiet()
  },
  'datagrams: empty, short, long, and a close': async (stage) => {
    const [here, there] = [stage.udp('here'), stage.udp('there')]
    stage.onEvent = (event, name) => {
      if (event.type === 'datagram' && name === 'there') there.send(event.data, event.address)
    }
    const sizes = [0, 5, 1200, 65_507]
    for (const [number, size] of sizes.entries()) {
      here.send(pattern(size), there.localAddress)
      await stage.until('the echo', () => (stage.traces.get('here') ?? []).length === number + 1)
    }
    here.close()
    there.close()
    await closed(stage, 'here', 'there')
  },
  'a paused UDP socket': async (stage) => {
    const [here, there] = [stage.udp('here'), stage.udp('there')]
    there.pause()
    for (const text of ['one', 'two', 'three']) here.send(text, there.localAddress)
    await stage.quiet()
    there.resume()
    await stage.until('all three', () => (stage.traces.get('there') ?? []).length === 3)
  },
  'datagrams to nobody': async (stage) => {
    const [here, there] = [stage.udp('here'), stage.udp('there')]
    const nobody = there.localAddress
    there.close()
    for (let count = 0; count < 5; count++) {
      here.send('anybody?', nobody)
      stage.step(5)
    }
    const next = stage.udp('next')
    here.send('somebody', next.localAddress)
    await stage.until('it arrives', () => stage.has('next', 'datagram'))
  },
  'a raw socket is adopted, and given back': async (stage) => {
    const listener = stage.listen()
    const raw = new Socket({ type: 'tcp' })
    raw.connect(listener.localAddress)
    raw.send('raw')
    const adopted = stage.adopt(raw, 'adopted')
    await stage.until('what it sent', () => stage.received('server') === 3)
    adopted.send(' and adopted')
    await stage.until('the rest', () => stage.received('server') === 15)
    const back = Socket.fromHandle(adopted.detach(), { type: 'tcp' })
    await stage.quiet()
    back.close()
    await stage.until('the end', () => stage.has('server', 'end'))
  },
  'a broadcast': async (stage) => {
    const listener = stage.listen()
    const pairs = []
    for (const suffix of ['', '1', '2']) pairs.push(await stage.pair(listener, suffix))
    stage.poller.broadcast(
      pairs.map(({ server }) => server),
      'to all of you'
    )
    for (const { server } of pairs) server.end()
    for (const { client } of pairs) client.end()
    await closed(stage, 'client', 'client1', 'client2', 'server', 'server1', 'server2')
  },
  'fifty clients come, speak and go': async (stage) => {
    stage.onEvent = (event, name) => {
      if (event.type === 'receive' && name.startsWith('server')) event.socket.send(event.data)
      if (event.type === 'end') (event.socket as Connection).end()
    }
    const listener = stage.listen()
    const names = Array.from({ length: 50 }, (_, number) => `client ${number}`)
    for (const name of names) {
      const client = stage.connect(listener, name)
      client.send(`I am ${name}`)
      client.end()
    }
    await closed(stage, ...names)
    await stage.until('the servers too', () => stage.poller.stats.sockets === 1)
    // Who is accepted first is the system's choice.
    for (const name of [...stage.traces.keys()])
      if (name.startsWith('server')) stage.traces.delete(name)
  },
  ...webSocketScenarios
}
