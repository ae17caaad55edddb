// The UDP sockets of a random program: a datagram comes whole and once, or not at all. Refuses to
// know connections.
import type { PollEvent, Poller, UdpSocket } from 'pollport'
import { datagramBytes } from './bytes.ts'
import { Broken } from './end.ts'
import { COUNTS } from './operations.ts'

interface Home {
  readonly poller: Poller<unknown>
  readonly number: number
  readonly isClosed: boolean
}

class UdpModel {
  readonly home: Home
  readonly socket: UdpSocket<unknown>
  readonly to: { address: string; port: number }
  readonly number: number
  readonly seen = new Set<number>()
  sent = 0
  isClosed = false
  isPaused = false
  overMark = false

  constructor(home: Home, number: number) {
    this.home = home
    this.number = number
    // An address that no other test's datagrams are for.
    this.socket = home.poller.bindUdp({ address: '127.63.0.1', port: 0 }, this)
    this.to = { address: '127.63.0.1', port: this.socket.localAddress.port }
  }
}

const maxDatagrams = [65_535, 1000, 65_535, 65_535]

export class Datagrams {
  #slots: (UdpModel | undefined)[] = new Array(COUNTS.udps).fill(undefined)
  #all: UdpModel[] = []
  readonly #counts: { datagrams: number }
  readonly #homeOf: (number: number) => Home

  constructor(counts: { datagrams: number }, homeOf: (number: number) => Home) {
    this.#counts = counts
    this.#homeOf = homeOf
  }

  do(
    name: 'bind' | 'datagram' | 'pauseUdp' | 'resumeUdp' | 'closeUdp',
    slot: number,
    other: number,
    size: number
  ): boolean {
    const udp = this.#slots[slot]
    if (name === 'bind') {
      if (udp !== undefined) return false
      this.#slots[slot] = new UdpModel(this.#homeOf(other), this.#all.length)
      this.#all.push(this.#slots[slot] as UdpModel)
      return true
    }
    if (udp === undefined || udp.isClosed) return false
    if (name === 'datagram') return this.#send(udp, this.#slots[other], size)
    if (name === 'closeUdp') {
      udp.isClosed = true
      udp.socket.close()
    } else if (name === 'pauseUdp') {
      udp.socket.pause()
      udp.isPaused = true
    } else {
      udp.socket.resume()
      udp.isPaused = false
    }
    return true
  }

  #send(from: UdpModel, to: UdpModel | undefined, size: number): boolean {
    if (to === undefined) return false
    const bytes = datagramBytes(from.number, from.sent++, size)
    if (!from.socket.send(bytes, to.to)) from.overMark = true
    bytes.fill(0xee)
    return true
  }

  on(event: PollEvent<unknown>, home: Home): void {
    const udp = event.type === 'wake' ? undefined : event.userPtr
    if (!(udp instanceof UdpModel) || udp.home !== home) throw new Broken(`${event.type} of nobody`)
    const name = `udp ${udp.number}`
    if (event.type === 'close') {
      if (!udp.isClosed || this.#slots.indexOf(udp) < 0)
        throw new Broken(`${name} closed by itself, or twice`)
      this.#slots[this.#slots.indexOf(udp)] = undefined
    } else if (udp.isClosed) {
      throw new Broken(`${name}: ${event.type} after close()`)
    } else if (event.type === 'datagram') {
      this.#counts.datagrams++
      this.#onDatagram(udp, name, event)
    } else if (event.type === 'drain') {
      if (!udp.overMark) throw new Broken(`${name}: drain, but no send() has said false`)
      udp.overMark = false
    } else {
      throw new Broken(`${name}: ${event.type}`)
    }
  }

  #onDatagram(udp: UdpModel, name: string, event: PollEvent<unknown> & { type: 'datagram' }): void {
    const { data, address, truncated } = event
    const from = data.length >= 12 ? this.#all[data.readUInt32LE(0)] : undefined
    if (from === undefined || from.to.port !== address.port)
      throw new Broken(`${name}: a datagram of nobody`)
    const [number, size] = [data.readUInt32LE(4), data.readUInt32LE(8)]
    const max = maxDatagrams[udp.home.number]
    if (
      number >= from.sent ||
      truncated !== 12 + size > max ||
      data.length !== Math.min(12 + size, max)
    )
      throw new Broken(`${name}: ${data.length} of ${12 + size} bytes, truncated: ${truncated}`)
    if (!datagramBytes(from.number, number, size).subarray(0, max).equals(data))
      throw new Broken(`${name}: a corrupt datagram`)
    const key = from.number * 2 ** 24 + number
    if (udp.seen.has(key)) throw new Broken(`${name}: a datagram came twice`)
    udp.seen.add(key)
  }

  missing(): string | undefined {
    for (const udp of this.#slots) if (udp?.isClosed) return `udp ${udp.number}: close`
  }

  openAt(home: Home): number {
    return this.#slots.filter((udp) => udp?.home === home && !udp.isClosed).length
  }

  /** That poller was closed, and its sockets with it. */
  forget(home: Home): void {
    this.#slots = this.#slots.map((udp) => (udp?.home === home ? undefined : udp))
  }
}
