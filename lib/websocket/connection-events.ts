// Brings the events of a TcpConnection to its owner: one function for all connections, since
// a closure for each would be memory for each. The owner stands in the connection's userPtr.
import type { OnConnectionEvent } from '../poller/events.ts'
import type { TcpConnection } from '../poller/tcp-connection.ts'
import type { LinkOwner } from './link.ts'

const toOwner: OnConnectionEvent = (event) => {
  const owner = event.userPtr as LinkOwner
  switch (event.type) {
    case 'receive':
      owner._onReceive(event.data)
      break
    case 'drain':
      owner._onDrain()
      break
    case 'connect':
      owner._onConnect()
      break
    case 'end':
      owner._onEnd()
      break
    case 'close':
      owner._onClosed(event.error)
  }
}

/** From now on `owner` gets the events of the connection, and no batch does. */
export function ownConnection(connection: TcpConnection<unknown>, owner: LinkOwner): void {
  connection.userPtr = owner
  connection.divert(toOwner)
}
