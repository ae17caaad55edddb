// For tests of datagrams: one end of them on Node's own `dgram`, which was written by others.
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { expect, onTestFinished } from 'vitest'
import { decodeView, encodeDirection } from '../games/coin-arena/wire.ts'
import { decodeToPlayer, encodeFromPlayer, type FromPlayer, TO_PLAYER } from '../wire/datagram.ts'
import { Seal, sealedHead } from '../wire/sealed.ts'
import { type Participant, until } from './person.ts'
import type { ArenaState } from './table.ts'

/** What the message 'udp' says. */
export interface Ticket {
  port: number
  token: string
  /** Over TLS: then all datagrams are sealed. */
  secret?: string
}

/** Asks for a token over the player's connection. */
export async function ticketOf(player: Participant): Promise<Ticket> {
  player.send({ type: 'udp' })
  return player.next('udp')
}

export class UdpEnd {
  readonly socket: Socket
  /** Every datagram that came, as it came. */
  readonly heard: Buffer[] = []
  /**
   * Acknowledges each state at once, as a player's program does; otherwise heardTick stands still.
   */
  isAcknowledging = false
  ticket: Ticket
  seq = 0
  readonly seal: Seal | undefined
  #read = 0
  #isClosed = false

  private constructor(ticket: Ticket) {
    this.ticket = ticket
    const { secret, token } = ticket
    this.seal = secret === undefined ? undefined : new Seal(secret, token, false)
    this.socket = createSocket('udp4')
    this.socket.on('message', (data) => this.#onMessage(data))
    onTestFinished(() => this.close())
  }

  /** Somewhere from where datagrams come: nobody has heard of it yet. */
  static async at(ticket: Ticket): Promise<UdpEnd> {
    const end = new UdpEnd(ticket)
    end.socket.bind(0, '127.0.0.1')
    await once(end.socket, 'listening')
    return end
  }

  /** The same, and it has shown that it hears. */
  static async open(player: Participant): Promise<UdpEnd> {
    const end = await UdpEnd.at(await ticketOf(player))
    await end.prove()
    return end
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.socket.close()
    await once(this.socket, 'close')
  }

  async prove(): Promise<void> {
    const nonce = await this.challenge()
    this.send({ kind: 'proof', token: this.ticket.token, nonce })
    await this.next('open')
  }

  /** Says hello from an address that is not known; returns what has to be said to make it so. */
  async challenge(): Promise<string> {
    this.hello()
    const challenge = await this.next('challenge')
    return challenge.subarray(1).toString('hex')
  }

  hello(): void {
    this.send({ kind: 'hello', token: this.ticket.token })
  }

  steer(direction: number, { match = 1, seq = ++this.seq, heardTick = 0 } = {}): void {
    this.send({
      kind: 'input',
      token: this.ticket.token,
      match,
      seq,
      heardTick,
      input: encodeDirection({ direction })
    })
  }

  send(message: FromPlayer | Buffer): void {
    this.sendBytes(Buffer.isBuffer(message) ? message : this.bytesOf(message))
  }

  /** As it goes over the wire. */
  bytesOf(message: FromPlayer): Buffer {
    const plain = encodeFromPlayer(message)
    if (this.seal === undefined) return plain
    return this.seal.seal(sealedHead(message.token), plain)
  }

  sendBytes(bytes: Buffer): void {
    this.socket.send(bytes, this.ticket.port, '127.0.0.1')
  }

  /**
   * The next datagram of this kind that was not looked at before; what comes before it counts as
   * looked at.
   */
  async next(kind: keyof typeof TO_PLAYER): Promise<Buffer> {
    let found: Buffer | undefined
    await until(`a datagram '${kind}'`, () => {
      while (found === undefined && this.#read < this.heard.length) {
        const data = this.heard[this.#read++]
        if (data[0] === TO_PLAYER[kind]) found = data
      }
      return found !== undefined
    })
    return found as Buffer
  }

  async nextState(): Promise<ArenaState> {
    return stateIn(await this.next('state'))
  }

  /** All states that came here so far. */
  get states(): ArenaState[] {
    return this.heard.filter((data) => data[0] === TO_PLAYER.state).map(stateIn)
  }

  /**
   * From an address that has shown that it hears: what was sent before has been dealt with, for
   * datagrams of one socket keep their order on one machine.
   */
  async answered(): Promise<void> {
    this.hello()
    await this.next('open')
  }

  /**
   * From one that has not: the same, and all that came of it is the challenge of this last hello.
   */
  async isToldNothing(): Promise<void> {
    const before = this.heard.length
    const sent = encodeFromPlayer({ kind: 'hello', token: this.ticket.token })
    await this.challenge()
    expect(this.heard).toHaveLength(before + 1)
    expect(this.heard[before].length).toBeLessThanOrEqual(sent.length)
  }

  #onMessage(bytes: Buffer): void {
    const data = this.seal === undefined ? bytes : this.seal.open(bytes, 1)
    if (data === undefined) throw new Error(`it does not open: ${bytes.toString('hex')}`)
    this.heard.push(data)
    if (!this.isAcknowledging || data[0] !== TO_PLAYER.state) return
    const { match, tick } = stateIn(data)
    this.steer(0, { match, heardTick: tick })
  }
}

function stateIn(data: Buffer): ArenaState {
  const message = decodeToPlayer(data)
  if (message?.kind !== 'state') throw new Error(`no state: ${data.toString('hex')}`)
  const { match, tick, seqs, body } = message
  const view = decodeView(body)
  if (view === undefined) throw new Error(`no view: ${body}`)
  return { match, tick, seqs, ...view }
}
