// A send may find a connection broken before what came in on it was received. What the peer had
// finished sending is reported all the same.
import { Socket } from 'pollport'
import { expect, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'
import { openProbe } from '../support/poller-probe.ts'
import { closing } from '../support/raw-pair.ts'
import { isWindows } from '../support/system.ts'

// By nature a reset takes away on Windows what was not received yet (docs/platforms.md): then
// nothing but the close is left to tell.
const afterFinish = isWindows
  ? [
      ['accept', 'close'],
      ['accept', 'receive', 'close'],
      ['accept', 'receive', 'end', 'close']
    ]
  : [['accept', 'receive', 'end', 'close']]
const afterResetAlone = isWindows
  ? [
      ['accept', 'close'],
      ['accept', 'receive', 'close']
    ]
  : [['accept', 'receive', 'close']]

/**
 * The story of a connection whose peer says its last words and leaves; then two sends, in ways of
 * their own, and only then a wait.
 */
async function storyOf(leave: (peer: Socket) => void, data: string | Buffer) {
  const probe = openProbe()
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const peer = closing(new Socket({ type: 'tcp' }))
  peer.connect(listener.localAddress)
  const { socket } = await probe.first('accept')
  peer.send(Buffer.from('last words'))
  leave(peer)
  // A closed peer answers the first with a reset; by then it must have come. Nothing may be
  // received meanwhile, so there is no event to wait for.
  while (!isBroken(socket)) {
    socket.send(data)
    probe.poller.flush()
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const { error } = await probe.first('close', socket)
  expect(error?.code).toMatch(
    isWindows ? /^(EPIPE|ECONNRESET|ECONNABORTED)$/ : /^(EPIPE|ECONNRESET)$/
  )
  if (probe.bytesOf(socket).length > 0) expect(probe.bytesOf(socket).toString()).toBe('last words')
  return probe.storyOf(socket)
}

/** A broken connection queues nothing and says false. */
const isBroken = (socket: { closed: boolean; send(data: string): boolean }) =>
  socket.closed || !socket.send('')

const large = Buffer.alloc(20_000) // Leaves by a call of its own.

test.each([
  ['through the outbox', 'late'],
  ['at once', large]
])(
  'data, FIN, then a reset, found by a send %s: the data, the end, then the close',
  async (_how, data) => {
    const story = await storyOf((peer) => {
      peer.shutdown('write')
      peer.reset()
    }, data)
    expect(afterFinish).toContainEqual(story)
  }
)

test.each([
  ['through the outbox', 'late'],
  ['at once', large]
])('data, FIN, then a reset as the answer to a send %s: the same', async (_how, data) => {
  expect(afterFinish).toContainEqual(await storyOf((peer) => peer.close(), data))
})

test.each([
  ['through the outbox', 'late'],
  ['at once', large]
])(
  'data and a reset without FIN, found by a send %s: the data, then the close, and no end that never was',
  async (_how, data) => {
    expect(afterResetAlone).toContainEqual(await storyOf((peer) => peer.reset(), data))
  }
)
