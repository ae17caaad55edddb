// Two raw sockets that are connected to each other, and other things that tests of the raw floor
// need again and again.
import { Epoll, Socket, WOULD_BLOCK, type WouldBlock } from 'pollport'
import { onTestFinished } from 'vitest'
import { isWine } from './system.ts'

export const LOCAL = '127.0.0.1'

/** Closes it when the test ends, however it ends. */
export function closing<T extends { close(): void }>(object: T): T {
  onTestFinished(() => object.close())
  return object
}

export function rawListener(
  options: { nonBlocking?: boolean; address?: string; backlog?: number } = {}
): Socket {
  const address = options.address ?? LOCAL
  const listener = closing(
    new Socket({ type: 'tcp', family: address.includes(':') ? 'ipv6' : 'ipv4' })
  )
  listener.bind({ address, port: 0 })
  listener.listen(options.backlog)
  listener.nonBlocking = options.nonBlocking ?? false
  return listener
}

/** Both ends of one connection, non-blocking unless the options say otherwise. */
export function rawPair(options: { nonBlocking?: boolean } = {}): { near: Socket; far: Socket } {
  const listener = rawListener()
  const near = closing(new Socket({ type: 'tcp' }))
  near.connect(listener.localAddress)
  const far = listener.accept()
  if (far === WOULD_BLOCK) throw new Error('a blocking accept gave WOULD_BLOCK')
  closing(far)
  listener.close()
  for (const socket of [near, far]) {
    socket.setOption('noDelay', true)
    socket.nonBlocking = options.nonBlocking ?? true
  }
  return { near, far }
}

export function rawUdp(address = LOCAL, nonBlocking = true): Socket {
  const socket = closing(
    new Socket({ type: 'udp', family: address.includes(':') ? 'ipv6' : 'ipv4', nonBlocking })
  )
  socket.bind({ address, port: 0 })
  return socket
}

/** The code of what `action` throws. */
export function codeOf(action: () => unknown): string | undefined {
  try {
    action()
  } catch (error) {
    return (error as { code?: string }).code
  }
  throw new Error(`nothing was thrown by ${action}`)
}

/**
 * Asks again, as a program with a non-blocking socket has to, until the answer is another than
 * WOULD_BLOCK; throws what the call throws.
 */
export function eventually<T>(call: () => T | WouldBlock, deadlineMs = 5000): T {
  const end = performance.now() + deadlineMs
  for (;;) {
    const answer = call()
    if (answer !== WOULD_BLOCK) return answer as T
    if (performance.now() > end) throw new Error(`WOULD_BLOCK for ${deadlineMs} ms`)
    Atomics.wait(nobody, 0, 0, 1)
  }
}

const nobody = new Int32Array(new SharedArrayBuffer(4))

/**
 * The code with which a receive meets a reset. Under Wine its server may have taken the socket's
 * error before the receive asks for it; then the receive sees an end, which counts as the reset
 * there.
 */
export function resetCodeOf(socket: Socket): string | undefined {
  let data: Buffer
  try {
    data = eventually(() => socket.recv())
  } catch (error) {
    return (error as { code?: string }).code
  }
  if (isWine && data.length === 0) return 'ECONNRESET'
  throw new Error(`${data.length} bytes instead of a reset`)
}

/** Until a connect that is in progress is done. */
export function untilConnected(socket: Socket): void {
  eventually(() => {
    const { error } = socket
    if (error !== undefined) throw error
    try {
      return socket.remoteAddress
    } catch {
      return WOULD_BLOCK // ENOTCONN: not yet
    }
  })
}

/** Linux only. Waits, by an Epoll of its own, until a socket is ready for `events`. */
export function untilReady(socket: Socket, events: number, deadlineMs = 5000): void {
  using epoll = new Epoll<undefined>()
  epoll.add(socket, undefined, events)
  if (epoll.wait(deadlineMs).length === 0)
    throw new Error(`the socket was not ready within ${deadlineMs} ms`)
}

/**
 * Sends until not even one byte is taken any more: `send` has given WOULD_BLOCK for it. Byte by
 * byte at the end, since the system's other half of the connection may take some over meanwhile.
 * Returns how many bytes were taken.
 */
export function fill(socket: Socket): number {
  let sent = 0
  for (const size of [64 * 1024, 1]) {
    const piece = Buffer.alloc(size)
    for (;;) {
      const taken = socket.send(piece)
      if (taken === WOULD_BLOCK) break
      sent += taken
    }
  }
  return sent
}

/** Reads on to the end, and says what that is. */
export function endOf(peer: Socket): string {
  const into = Buffer.alloc(1024 * 1024)
  try {
    while (peer.recv(into) !== 0);
    return 'end'
  } catch (error) {
    return (error as { code: string }).code
  }
}
