// A transport for shim.mjs: streams of toDuplex() over one Poller, which runs while there is a
// listener or a stream.
import { Poller, toDuplex } from 'pollport'

const poller = new Poller()
const { setInterval, clearInterval } = globalThis // A test may fake them.
const connections = new Map()
/**
 * Those that have not been given `unref()`: pollport has no such thing, a program decides itself
 * how long it runs.
 */
const listeners = new Set()
let stop

/**
 * Whether anything can still come, or leave. Of a connection whose peer has finished, and of one
 * that nobody reads, nothing comes: Node's loop does not count it, and such tests end by that.
 */
function mayGoOn() {
  if (listeners.size > 0) return true
  return [...connections].some(([connection, { stream, hasEnded, isPaused }]) => {
    if (connection.closed) return false // It is the reader that the stream waits for.
    const mayReceive = !hasEnded && !isPaused
    return (
      mayReceive ||
      stream.writableEnded ||
      stream.writableLength > 0 ||
      connection.bufferedBytes > 0
    )
  })
}

function stopIfNothingIsOpen() {
  if (listeners.size === 0 && connections.size === 0) stop?.abort()
}

async function run() {
  if (stop !== undefined) return
  // Twice in a row, so that an end which has come is delivered.
  let idle = 0
  const look = setInterval(() => {
    idle = mayGoOn() ? 0 : idle + 1
    if (idle > 1) stop.abort()
  }, 20).unref()
  while (mayGoOn()) {
    stop = new AbortController()
    await poller.run(onEvents, { signal: stop.signal })
  }
  stop = undefined
  clearInterval(look)
}

/** The stream of a connection, for which the poller runs. */
function streamOf(connection, { allowHalfOpen = false, highWaterMark }) {
  const state = { stream: undefined, hasEnded: false, isPaused: false }
  const { divert, pause, resume } = connection
  connection.pause = () => {
    state.isPaused = true
    pause.call(connection)
  }
  connection.resume = () => {
    state.isPaused = false
    resume.call(connection)
    run()
  }
  connection.divert = (onEvent) => {
    divert.call(connection, (event) => {
      if (event.type === 'end') state.hasEnded = true
      onEvent(event)
    })
  }
  const sizes = { readableHighWaterMark: highWaterMark, writableHighWaterMark: highWaterMark }
  const options = {
    allowHalfOpen: Boolean(allowHalfOpen),
    ...(highWaterMark === undefined ? {} : sizes)
  }
  const stream = toDuplex(connection, options)
  state.stream = stream
  connections.set(connection, state)
  stream.once('close', () => {
    connections.delete(connection)
    stopIfNothingIsOpen()
  })
  // What is written after that is sent all the same.
  for (const name of ['_write', '_writev', '_final']) {
    const method = stream[name]
    if (method == null) continue
    stream[name] = function (...args) {
      method.apply(this, args)
      run()
    }
  }
  run()
  return stream
}

function onEvents(events) {
  for (const event of events) {
    if (event.type !== 'accept') continue
    try {
      event.userPtr(event.socket)
    } catch (error) {
      // As of any callback of Node's: run() would be rejected by it.
      queueMicrotask(() => {
        throw error
      })
    }
  }
}

function named({ address, port, family }) {
  return { address, port, family: family === 'ipv4' ? 'IPv4' : 'IPv6' }
}

export function connect({ address, port, localAddress, localPort, ...options }) {
  return streamOf(
    poller.connectTcp({ address, port, localAddress, localPort, noDelay: false }),
    options
  )
}

export function listen({ address, port, backlog, ipv6Only }, onConnection) {
  const onAccept = (connection) => {
    const peer = {
      refuse: () => connection.close(),
      endPoints: () => ends
    }
    const [local, remote] = [named(connection.localAddress), named(connection.remoteAddress)]
    const ends = {
      localAddress: local.address,
      localPort: local.port,
      localFamily: local.family,
      remoteAddress: remote.address,
      remotePort: remote.port,
      remoteFamily: remote.family
    }
    onConnection(peer, (options) => streamOf(connection, options))
  }
  const listener = poller.listenTcp({ address, port, backlog, ipv6Only, noDelay: false }, onAccept)
  listeners.add(listener)
  run()
  return {
    address: () => named(listener.localAddress),
    close() {
      listener.close()
      listeners.delete(listener)
      stopIfNothingIsOpen()
    },
    ref() {
      listeners.add(listener)
      run()
    },
    unref() {
      listeners.delete(listener)
      stopIfNothingIsOpen()
    }
  }
}
