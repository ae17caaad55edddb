import type { TcpConnection } from 'pollport'

export declare function bytesOf(number: number | string, length: number): Buffer

export declare class Transfer {
  whole: boolean | undefined
  received: number
  constructor(
    socket: TcpConnection<never> | TcpConnection<Transfer>,
    asked?: { number: number; length: number }
  )
  sendMore(): void
  take(data: Uint8Array): void
  ended(): void
}
