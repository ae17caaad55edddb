// Whatever stands for something of this thread cannot be copied to another by accident: the copy
// would be dead, and look alive.
import { Epoll, Iocp, Overlapped, Poller, Socket, toDuplex, Waker } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'
import { openProbe, ownPair } from '../support/poller-probe.ts'
import { closing } from '../support/raw-pair.ts'
import { isWindows } from '../support/system.ts'

/** Every kind of object that a program gets from pollport, by name. */
async function everything(): Promise<Record<string, unknown>> {
  const probe = openProbe()
  const { listener, near, far } = await ownPair(probe)
  const completed = isWindows ? { Iocp: closing(new Iocp()), Overlapped: new Overlapped() } : {}
  const watched = isWindows ? {} : { Epoll: closing(new Epoll()) }
  return {
    Poller: probe.poller,
    TcpListener: listener,
    TcpConnection: near,
    UdpSocket: probe.poller.bindUdp({ address: LOCAL, port: 0 }),
    ConnectionDuplex: toDuplex(far),
    Socket: closing(new Socket({ type: 'tcp' })),
    Waker: probe.poller.waker(),
    'an accept event': probe.seen('accept')[0],
    'a batch': probe.events,
    ...completed,
    ...watched
  }
}

test('structuredClone() and postMessage() of any object throw a DataCloneError', async () => {
  const { port1, port2 } = new MessageChannel()
  onTestFinished(() => port1.close())
  const cloned: string[] = []
  const is = expect.objectContaining({ name: 'DataCloneError' })
  for (const [name, object] of Object.entries(await everything())) {
    try {
      expect(() => structuredClone(object)).toThrow(is)
      expect(() => structuredClone({ deep: [object] })).toThrow(is)
      expect(() => port1.postMessage(object)).toThrow(is)
    } catch {
      cloned.push(name)
    }
  }
  port2.close()
  expect(cloned).toEqual([])
})

test('a waker goes to another thread as its handle', () => {
  const poller = new Poller()
  onTestFinished(() => poller.close())
  Waker.from(structuredClone(poller.waker().handle)).wake()
  expect(poller.wait(0)).toEqual([{ type: 'wake' }])
})
