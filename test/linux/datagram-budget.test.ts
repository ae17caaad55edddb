// How much one UDP socket may give to one wait: a game server has one socket for all its players.
import { Poller } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'

function socketsOf(options: ConstructorParameters<typeof Poller>[0]) {
  const poller = new Poller(options)
  const sender = new Poller()
  onTestFinished(() => {
    poller.close()
    sender.close()
  })
  const socket = poller.bindUdp({ address: LOCAL, port: 0, receiveBufferSize: 1024 * 1024 })
  const from = sender.bindUdp({ address: LOCAL, port: 0 })
  /** On the loopback what was sent has arrived when the send returns. */
  const send = (count: number, bytes: number) => {
    for (let number = 0; number < count; number++)
      from.send(Buffer.alloc(bytes, number), socket.localAddress)
    sender.flush()
  }
  return { poller, socket, send }
}

test('one wait gives the datagrams of two hundred and fifty players, in order', () => {
  const { poller, send } = socketsOf({ maxDatagramBytes: 1200 })
  send(250, 23)
  const events = poller.wait(0)
  expect(events.map((event) => (event.type === 'datagram' ? event.data[22] : event.type))).toEqual(
    Array.from({ length: 250 }, (_, number) => number)
  )
  expect(poller.wait(0)).toEqual([])
})

test('it gives no more than the read budget has, however short they are, and the rest comes with the next ones', () => {
  const { poller, send } = socketsOf({ readBudgetBytes: 32 * 1024 })
  send(200, 1)
  const counts: number[] = []
  for (let count = poller.wait(0).length; count > 0; count = poller.wait(0).length)
    counts.push(count)
  expect(counts).toEqual([128, 72])
})

test('large ones count for what they are', () => {
  const { poller, send } = socketsOf({ readBudgetBytes: 64 * 1024 })
  send(1, 16 * 1024)
  expect(poller.wait(0)).toHaveLength(1)
  send(8, 16 * 1024)
  expect(poller.wait(0)).toHaveLength(4)
  expect(poller.wait(0)).toHaveLength(4)
})
