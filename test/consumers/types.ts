// A stranger's program, compiled against the packed package by every TypeScript that it promises,
// as an ES module and as CommonJS. It is never run. exactOptionalPropertyTypes is on there: an
// option that does not take `undefined` is an error of these lines.
import type {
  BindUdpOptions,
  ConnectTcpOptions,
  FrameOptions,
  ListenBoundOptions,
  ListenTcpOptions,
  LoopOptions,
  PollEvent,
  PollerOptions,
  RunOptions,
  SocketInit,
  TcpConnection,
  ToDuplexOptions
} from 'pollport'
import {
  backends,
  Epoll,
  FrameDecoder,
  FrameEncoder,
  Iocp,
  Poller,
  runLoop,
  Socket,
  SocketAddress,
  SocketError,
  supported,
  toDuplex,
  type Waker
} from 'pollport'

interface Player {
  name: string
}

/** The options that may be left out, each of them given and undefined. */
type Undefined<T> = {
  [K in keyof T as Record<never, never> extends Pick<T, K> ? K : never]: undefined
}
/** The others. */
type Required<T> = { [K in keyof T as Record<never, never> extends Pick<T, K> ? never : K]: T[K] }

export function acceptsUndefined<T>(options: Undefined<T> & Required<T>): T {
  return options as T
}

export function options(
  init: Undefined<SocketInit> & Required<SocketInit>,
  poller: Undefined<PollerOptions>,
  run: Undefined<RunOptions>,
  frame: Undefined<FrameOptions>,
  duplex: Undefined<ToDuplexOptions>,
  listen: Undefined<ListenTcpOptions> & Required<ListenTcpOptions>,
  bound: Undefined<ListenBoundOptions> & Required<ListenBoundOptions>,
  connect: Undefined<ConnectTcpOptions> & Required<ConnectTcpOptions>,
  udp: Undefined<BindUdpOptions> & Required<BindUdpOptions>,
  loop: Undefined<LoopOptions<Player>> & Required<LoopOptions<Player>>
): unknown[] {
  const game = new Poller<Player>(poller)
  const connection = game.connectTcp(connect, undefined)
  new SocketAddress({ address: '::1', port: 1, family: undefined })
  return [
    new Socket(init),
    Socket.fromHandle(1, { type: undefined, family: undefined, nonBlocking: undefined }),
    new Iocp({ concurrency: undefined }),
    new FrameDecoder(frame),
    new FrameEncoder(frame),
    game.listenTcp(listen, { name: 'listener' }),
    game.listenTcp(bound),
    game.bindUdp(udp),
    game.run(() => {}, run),
    toDuplex(connection, duplex),
    runLoop(game, loop)
  ]
}

export function play(event: PollEvent<Player>): TcpConnection<Player> | undefined {
  switch (event.type) {
    case 'accept':
      event.socket.userPtr = { name: event.socket.remoteAddress?.address ?? '?' }
      return event.socket
    case 'receive':
      event.socket.send(new Uint8Array(event.data))
      return event.socket
    case 'datagram':
      event.socket.send(event.data, event.address)
      return undefined
    case 'close':
      if (event.error instanceof SocketError) console.log(event.error.code, event.error.syscall)
      return undefined
    default:
      return undefined
  }
}

export async function serve(): Promise<void> {
  if (!supported || backends.length === 0) return
  using poller = new Poller<Player>()
  for await (const events of poller) for (const event of events) play(event)
  const epoll: Epoll = new Epoll()
  const waker: Waker = poller.waker()
  waker.wake()
  epoll.close()
}
