// The types of the unified floor. `tsc --noEmit` does the checking; at run time there is nothing to
// do.
import type { AddressInfo } from 'node:net'
import type {
  Completion,
  Iocp,
  Overlapped,
  PollEvent,
  Socket,
  SocketAddress,
  SocketError,
  TcpConnection,
  TcpListener,
  UdpSocket,
  Waker,
  WouldBlock
} from 'pollport'
import { type Capabilities, Poller, type PollerStats } from 'pollport'
import { expectTypeOf, test } from 'vitest'

interface Player {
  name: string
}

test('a poller knows the type of its userPtr', () => {
  expectTypeOf<Poller['wait']>().returns.toEqualTypeOf<PollEvent[]>()
  expectTypeOf<Poller<Player>['wait']>().parameters.toEqualTypeOf<[timeoutMs?: number]>()
  expectTypeOf<Poller<Player>['wait']>().returns.toEqualTypeOf<PollEvent<Player>[]>()
  expectTypeOf<Poller<Player>['listenTcp']>().returns.toEqualTypeOf<TcpListener<Player>>()
  expectTypeOf<Poller<Player>['connectTcp']>().returns.toEqualTypeOf<TcpConnection<Player>>()
  expectTypeOf<Poller<Player>['bindUdp']>().returns.toEqualTypeOf<UdpSocket<Player>>()
  expectTypeOf<Poller<Player>['adopt']>().parameters.toEqualTypeOf<
    [socket: Socket, userPtr?: Player]
  >()
  expectTypeOf<Poller<Player>['adopt']>().returns.toEqualTypeOf<
    TcpListener<Player> | TcpConnection<Player> | UdpSocket<Player>
  >()
  expectTypeOf<TcpConnection<Player>['userPtr']>().toEqualTypeOf<Player | undefined>()
  // What server.address() of node:net gives is an end point.
  expectTypeOf<AddressInfo>().toExtend<Parameters<Poller['connectTcp']>[0]>()
  expectTypeOf<SocketAddress>().toExtend<Parameters<Poller['listenTcp']>[0]>()
  expectTypeOf(Poller).toBeConstructibleWith()
  expectTypeOf(Poller).toBeConstructibleWith({
    backend: 'epoll',
    maxEvents: 1,
    batchBufferBytes: 1,
    readBudgetBytes: 1,
    highWaterMarkBytes: 1,
    maxDatagramBytes: 1
  })
  expectTypeOf<Poller['backend']>().toEqualTypeOf<'epoll' | 'iocp' | 'simulated'>()
  expectTypeOf<Poller['capabilities']>().toEqualTypeOf<Capabilities>()
  expectTypeOf<Poller['stats']>().toExtend<PollerStats>()
  expectTypeOf<Poller['waker']>().returns.toEqualTypeOf<Waker>()
  expectTypeOf<Poller>().toExtend<Disposable>()
})

test('the kind of an event tells what is in it', () => {
  type Of<T extends PollEvent['type']> = Extract<PollEvent<Player>, { type: T }>
  expectTypeOf<PollEvent['type']>().toEqualTypeOf<
    | 'accept'
    | 'connect'
    | 'receive'
    | 'datagram'
    | 'drain'
    | 'end'
    | 'timeout'
    | 'error'
    | 'close'
    | 'wake'
  >()
  expectTypeOf<Of<'accept'>['listener']>().toEqualTypeOf<TcpListener<Player>>()
  expectTypeOf<Of<'accept'>['socket']>().toEqualTypeOf<TcpConnection<Player>>()
  expectTypeOf<Of<'accept'>['userPtr']>().toEqualTypeOf<Player | undefined>()
  expectTypeOf<Of<'receive'>['socket']>().toEqualTypeOf<TcpConnection<Player>>()
  expectTypeOf<Of<'receive'>['data']>().toEqualTypeOf<Buffer>()
  expectTypeOf<Of<'datagram'>['socket']>().toEqualTypeOf<UdpSocket<Player>>()
  expectTypeOf<Of<'datagram'>['address']>().toEqualTypeOf<SocketAddress>()
  expectTypeOf<Of<'datagram'>['truncated']>().toEqualTypeOf<boolean>()
  expectTypeOf<Of<'error'>['error']>().toEqualTypeOf<SocketError>()
  expectTypeOf<Of<'close'>['error']>().toEqualTypeOf<SocketError | undefined>()
  expectTypeOf<Of<'timeout'>['socket']>().toEqualTypeOf<TcpConnection<Player>>()
  expectTypeOf<keyof Of<'wake'>>().toEqualTypeOf<'type'>()
})

test('sockets take and give what the contract says', () => {
  expectTypeOf<TcpConnection['send']>().parameters.toEqualTypeOf<[data: Uint8Array | string]>()
  expectTypeOf<TcpConnection['send']>().returns.toEqualTypeOf<boolean>()
  expectTypeOf<TcpConnection['detach']>().returns.toEqualTypeOf<number>()
  expectTypeOf<UdpSocket['send']>().toBeCallableWith('x', { address: '127.0.0.1', port: 1 })
  expectTypeOf<SocketAddress>().toExtend<{ address: string; port: number }>()
  expectTypeOf<SocketAddress['family']>().toEqualTypeOf<'ipv4' | 'ipv6'>()
  expectTypeOf<Poller['run']>().returns.toEqualTypeOf<Promise<void>>()
  expectTypeOf<Poller['broadcast']>().returns.toEqualTypeOf<number>()
  expectTypeOf<Poller<Player>['broadcast']>().toBeCallableWith(
    new Set<TcpConnection<Player>>(),
    'x'
  )
  expectTypeOf<Poller<Player>>().toExtend<AsyncIterable<PollEvent<Player>[]>>()
})

test('completion ports know the type of their userPtr, and what an operation leaves', () => {
  expectTypeOf<Iocp<Player>['wait']>().returns.toEqualTypeOf<Completion<Player>[]>()
  expectTypeOf<Iocp<Player>['add']>().parameters.toEqualTypeOf<[socket: Socket, userPtr: Player]>()
  expectTypeOf<Completion<Player>['overlapped']>().toEqualTypeOf<Overlapped | undefined>()
  expectTypeOf<Completion<Player>['error']>().toEqualTypeOf<SocketError | undefined>()
  expectTypeOf<Overlapped['data']>().toEqualTypeOf<Buffer>()
  expectTypeOf<Overlapped['getResult']>().returns.toEqualTypeOf<number | WouldBlock>()
  expectTypeOf<Socket['overlappedReceive']>().parameters.toEqualTypeOf<
    [bytes: number, overlapped?: Overlapped]
  >()
  expectTypeOf<Socket['overlappedReceive']>().returns.toEqualTypeOf<Overlapped>()
})
