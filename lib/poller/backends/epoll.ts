// The unified floor on epoll: hands arguments to binding/epoll.ts. All of the work is in native/linux/.

import type { EpollBinding } from '../../binding/epoll.ts'
import { addon } from '../../binding/load.ts'
import type { LoopWatchBinding } from '../../binding/loop-watch.ts'
import { WATCH } from '../../binding/records.ts'
import { type SocketBinding, WOULD_BLOCK_RESULT } from '../../binding/socket.ts'
import { check } from '../../errors.ts'
import type { Socket } from '../../raw/socket.ts'
import type { Backend, BackendLimits, BackendWatch } from '../backend.ts'
import type { BatchMemory } from '../batch-memory.ts'
import type { Outbox } from '../outbox.ts'

// How many exchanges pass between two looks at handles whose owners were collected: a look costs about as much as receiving one message.
const REAP_EVERY = 16

export class EpollBackend implements Backend {
  readonly name = 'epoll'
  readonly wakerHandle: number
  readonly #native = addon() as SocketBinding & EpollBinding & LoopWatchBinding
  readonly capabilities = Object.freeze({
    reusePort: true,
    subMillisecondWait: this.#native.epollHasFineTimeouts(),
    reportUnreachable: true
  })
  readonly #core: number
  #untilReap = REAP_EVERY

  constructor(owner: object) {
    this.#core = check(this.#native.epollCreate(owner), 'epoll_create1')
    this.wakerHandle = this.#native.epollWakerHandle(this.#core)
  }

  setLimits(limits: BackendLimits): void {
    this.#native.epollLimits(
      this.#core,
      limits.maxEvents,
      limits.readBudget,
      limits.maxDatagram,
      limits.acceptBudget,
      limits.receiveBufferBytes
    )
  }

  prepareBind(socket: Socket, reuseAddress: boolean): void {
    // On Linux this lets a server start again while old connections linger in TIME_WAIT; it does not share a listening port (socket(7)).
    if (reuseAddress) socket.setOption('reuseAddress', true)
  }

  watch(index: number, generation: number, handle: number, kind: number): void {
    check(this.#native.epollWatch(this.#core, index, generation, handle, kind), 'epoll_ctl')
  }

  connect(index: number, generation: number, handle: number, address: Uint8Array): number {
    const result = this.#native.socketConnect(handle, address)
    if (result < 0 && result !== WOULD_BLOCK_RESULT) return result
    const watched = this.#native.epollWatch(
      this.#core,
      index,
      generation,
      handle,
      result === 0 ? WATCH.connection : WATCH.connecting
    )
    return watched < 0 ? watched : result
  }

  setReceiving(index: number, on: boolean): void {
    check(this.#native.epollReceive(this.#core, index, on), 'epoll_ctl')
  }

  reportUnreachable(handle: number, family: 'ipv4' | 'ipv6'): void {
    const { IPPROTO_IP, IP_RECVERR, IPPROTO_IPV6, IPV6_RECVERR } = this.#native.constants
    const on = new Uint8Array(Int32Array.of(1).buffer)
    const result =
      family === 'ipv4'
        ? this.#native.socketSetRawOption(handle, IPPROTO_IP, IP_RECVERR, on)
        : this.#native.socketSetRawOption(handle, IPPROTO_IPV6, IPV6_RECVERR, on)
    check(result, 'setsockopt')
  }

  release(index: number, how: number): number {
    return this.#native.epollRelease(this.#core, index, how)
  }

  send(index: number, bytes: Uint8Array, offset: number, length: number): number {
    return this.#native.epollSend(this.#core, index, bytes, offset, length)
  }

  sendDatagram(index: number, bytes: Uint8Array, offset: number, length: number, addressOffset: number): number {
    return this.#native.epollSendDatagram(this.#core, index, bytes, offset, length, addressOffset)
  }

  exchange(outbox: Outbox, batch: BatchMemory, timeoutMs: number): number {
    if (--this.#untilReap === 0) {
      this.#untilReap = REAP_EVERY
      this.#native.reapHandles()
    }
    return this.#native.epollExchange(
      this.#core,
      outbox.bytes,
      outbox.sends,
      outbox.count,
      batch.slab,
      batch.records,
      timeoutMs,
      false
    )
  }

  flush(outbox: Outbox, batch: BatchMemory): number {
    return this.#native.epollExchange(
      this.#core,
      outbox.bytes,
      outbox.sends,
      outbox.count,
      batch.flushSlab,
      batch.records,
      0,
      true
    )
  }

  openWatch(onReady: () => void): BackendWatch {
    const watch = check(this.#native.loopWatchOpen(this.#core, onReady), 'pthread_create')
    return {
      arm: (timeoutMs) => {
        check(this.#native.loopWatchArm(watch, timeoutMs), 'write')
      },
      close: () => {
        this.#native.loopWatchClose(watch)
      }
    }
  }

  close(): void {
    this.#native.epollClose(this.#core)
  }
}
