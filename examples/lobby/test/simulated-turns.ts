// How a player in a simulated network lives: it has a turn now and then, and hears what comes by
// its connection in between.
import type { Poller, TcpConnection } from 'pollport'
import type { SimulatedHost } from 'pollport/simulation'

export interface Turns<T> {
  host: SimulatedHost
  poller: Poller<T>
  everyMs: number
  act: () => void
  /** The one that counts now: what comes by another one is ignored. */
  connection: () => TcpConnection<T> | undefined
  onReceive: (data: Buffer) => void
  onClose: () => void
}

/** Fulfilled when the simulation ends. */
export async function takeTurns<T>(turns: Turns<T>): Promise<void> {
  const { host, poller, everyMs } = turns
  const turn = poller.timer(() => {
    turn.set(everyMs)
    turns.act()
  })
  turn.set(host.random.below(everyMs)) // not all at once
  await poller.run((events) => {
    for (const event of events) {
      if (event.type === 'wake' || event.socket !== turns.connection()) continue
      if (event.type === 'receive') turns.onReceive(event.data)
      if (event.type === 'end') event.socket.end()
      if (event.type === 'close') turns.onClose()
    }
  })
}
