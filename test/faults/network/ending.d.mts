import type { PollEvent, TcpConnection } from 'pollport'

export declare const WAYS: readonly string[]

export declare class Ending {
  constructor(socket: TcpConnection<Ending>, way?: number)
  take(event: PollEvent<Ending>): string | undefined
}
