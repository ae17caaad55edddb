// How a player in a simulated network lives: it has a turn now and then, and hears what comes by
// its connection in between.
import { FrameDecoder, type Poller, type TcpConnection } from 'pollport'
import type { SimulatedHost } from 'pollport/simulation'
import {
  LENGTH_BYTES,
  MAX_REPLY_BYTES,
  parseMessage,
  type ServerMessage
} from '../wire/protocol.ts'

export interface Turns<T> {
  host: SimulatedHost
  poller: Poller<T>
  everyMs: number
  act: () => void
  /** The one that counts now: what comes by another one is ignored. */
  connection: () => TcpConnection<T> | undefined
  hear: (message: ServerMessage) => void
  onClose: () => void
}

const newDecoder = () =>
  new FrameDecoder({ lengthBytes: LENGTH_BYTES, maxFrameBytes: MAX_REPLY_BYTES })

/** Fulfilled when the simulation ends. */
export async function takeTurns<T>(turns: Turns<T>): Promise<void> {
  const { host, poller, everyMs } = turns
  const turn = poller.timer(() => {
    turn.set(everyMs)
    turns.act()
  })
  turn.set(host.random.below(everyMs)) // not all at once
  let decoder = newDecoder()
  let decoded: TcpConnection<T> | undefined
  await poller.run((events) => {
    for (const event of events) {
      if (event.type === 'wake' || event.socket !== turns.connection()) continue
      if (event.type === 'receive') {
        if (event.socket !== decoded) decoder = newDecoder()
        decoded = event.socket
        for (const frame of decoder.push(event.data)) turns.hear(parseMessage(frame))
      }
      if (event.type === 'end') event.socket.end()
      if (event.type === 'close') turns.onClose()
    }
  })
}
