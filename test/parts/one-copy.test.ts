// The tests load the package once, as Node does: what two of its entries give belongs together.
import { Poller, TcpConnection } from 'pollport'
import { SimulatedNetwork } from 'pollport/simulation'
import { connectWebSocket } from 'pollport/websocket'
import { expect, test } from 'vitest'

test('classes of one entry are those of the others', () => {
  const poller = new SimulatedNetwork({ seed: 1 }).host('10.0.0.1').poller()
  expect(poller).toBeInstanceOf(Poller)
  const socket = connectWebSocket(poller, { address: '10.0.0.2', port: 80 })
  expect(socket.connection).toBeInstanceOf(TcpConnection)
  poller.close()
})
