// The events of a listener may be taken out of the batches, as those of a connection.
import type { ListenerEvent } from 'pollport'
import { expect, test } from 'vitest'
import { connectPeer, LOCAL } from '../support/net-peer.ts'
import { openProbe } from '../support/poller-probe.ts'
import { codeOf } from '../support/raw-pair.ts'

test('accepts and the close go to the one who takes them, and the batches have nothing', async () => {
  const probe = openProbe()
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const seen: string[] = []
  listener.divert((event: ListenerEvent) => {
    seen.push(event.type)
    if (event.type === 'accept') event.socket.divert((of) => seen.push(`connection ${of.type}`))
  })
  const peer = connectPeer(listener.localAddress)
  peer.socket.write('x')
  await probe.until('the bytes are handed over', () => seen.length === 2)
  listener.close()
  await probe.until('the close is handed over', () => seen.length === 3)
  expect(seen).toEqual(['accept', 'connection receive', 'close'])
  expect(probe.events).toEqual([])
})

test('undefined gives the events back to the batches', async () => {
  const probe = openProbe()
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  listener.divert(() => expect.unreachable())
  listener.divert(undefined)
  connectPeer(listener.localAddress)
  await probe.first('accept')
})

test('closing the poller hands over a close; wrong arguments are refused', () => {
  const probe = openProbe()
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const seen: string[] = []
  listener.divert((event: ListenerEvent) => seen.push(event.type))
  expect(codeOf(() => listener.divert(1 as never))).toBe('ERR_INVALID_ARG_TYPE')
  probe.poller.close()
  expect(seen).toEqual(['close'])
  expect(codeOf(() => listener.divert(undefined))).toBe('EBADF')
})

test('a handler that gives a connection to another owner: what the batch has left goes to that one', async () => {
  const probe = openProbe()
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const seen: string[] = []
  listener.divert((event: ListenerEvent) => {
    if (event.type !== 'accept') return
    const { socket } = event
    socket.divert((first) => {
      seen.push(`first ${first.type}`)
      socket.divert((second) => seen.push(`second ${second.type}`))
    })
  })
  const peer = connectPeer(listener.localAddress)
  peer.socket.end('bytes and the end')
  await probe.until('both are handed over', () => seen.length === 2)
  expect(seen).toEqual(['first receive', 'second end'])
})
