/**
 * Real epoll and real I/O completion ports, on three floors: the raw objects of the system
 * ({@link Socket}, {@link Epoll}, {@link Iocp}), the same program on both systems
 * ({@link Poller}), and helpers on top of it ({@link runLoop}, {@link serve}, {@link toDuplex},
 * {@link FrameDecoder}). Importing it works on every system; see {@link supported}.
 * @module pollport
 */
export type { EndPoint } from './address.ts'
export { SocketAddress } from './address.ts'
export { backends, supported } from './binding/load.ts'
export * from './constants.ts'
export { SocketError } from './errors.ts'
export type { ToDuplexOptions } from './helpers/duplex.ts'
export { ConnectionDuplex, toDuplex } from './helpers/duplex.ts'
export type { FrameOptions } from './helpers/frames.ts'
export { FrameDecoder, FrameEncoder, FrameTooLargeError } from './helpers/frames.ts'
export type { Lateness } from './helpers/lateness.ts'
export type { LoopOptions, LoopStats } from './helpers/run-loop.ts'
export { runLoop } from './helpers/run-loop.ts'
export { serve } from './helpers/serve.ts'
export type { Capabilities } from './poller/backend.ts'
export type { BoundSocket } from './poller/bound.ts'
export type {
  AcceptEvent,
  CloseEvent,
  ConnectEvent,
  ConnectionCloseEvent,
  ConnectionEvent,
  DatagramEvent,
  DrainEvent,
  EndEvent,
  ErrorEvent,
  ListenerEvent,
  OnConnectionEvent,
  OnListenerEvent,
  PollEvent,
  PollSocket,
  ReceiveEvent,
  TimeoutEvent,
  WakeEvent
} from './poller/events.ts'
export type {
  BindUdpOptions,
  ConnectTcpOptions,
  ListenBoundOptions,
  ListenTcpOptions,
  PollerOptions,
  PollSocketOptions,
  RunOptions
} from './poller/options.ts'
export { PollTimer } from './poller/poll-timer.ts'
export { Poller } from './poller/poller.ts'
export type { PollerStats } from './poller/stats.ts'
export { TcpConnection } from './poller/tcp-connection.ts'
export { TcpListener } from './poller/tcp-listener.ts'
export { UdpSocket } from './poller/udp-socket.ts'
export type { EpollEvent, Pollable } from './raw/epoll.ts'
export { Epoll } from './raw/epoll.ts'
export type { Completion, IocpOptions } from './raw/iocp.ts'
export { Iocp } from './raw/iocp.ts'
export type { SocketOptionName, SocketOptions } from './raw/options.ts'
export type { OverlappedCall } from './raw/overlapped.ts'
export { Overlapped } from './raw/overlapped.ts'
export type { ReceivedFrom, SocketInit } from './raw/socket.ts'
export { Socket } from './raw/socket.ts'
export { Waker } from './raw/waker.ts'
