// No descriptor left at accept: an error event, no spinning, and everything works again when
// descriptors come back.
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startExhaustedServer } from '../support/exhausted.ts'
import { connectPeer, LOCAL, type NetPeer } from '../support/net-peer.ts'
import { isWindows, isWine } from '../support/system.ts'

// Windows has no limit of handles that a test could reach; under Wine its server has one.
const exhaustible = test.skipIf(isWindows && !isWine)

async function until(what: string, done: () => boolean, deadlineMs = 20_000): Promise<void> {
  const end = performance.now() + deadlineMs
  while (!done()) {
    if (performance.now() > end)
      throw new Error(`within ${deadlineMs} ms this did not come true: ${what}`)
    await delay(5)
  }
}

exhaustible.each(['wait', 'run'])(
  'S.8 a server in %s() that has run out of descriptors',
  { timeout: 120_000 },
  async (how) => {
    const server = await startExhaustedServer(how)
    const { port } = server
    const peers: NetPeer[] = []
    for (let clients = 0; clients < 100; clients++)
      peers.push(connectPeer({ address: LOCAL, port }))
    await until('all are connected, in the backlog if nowhere else', () =>
      peers.every(({ connected, closed }) => connected || closed)
    )
    const first = await server.at('error')
    expect(first).toMatchObject({ code: 'EMFILE', isListener: true, name: 'SocketError' })
    expect(first.syscall).toMatch(/accept/i)

    // Those who are in are served as ever, while others stand before the door.
    const inside = () => peers.filter(({ receivedBytes }) => receivedBytes > 0)
    await until('those who are in were greeted', () => inside().length >= 20)
    const served = inside()
    for (const peer of served) peer.socket.write('echo')
    await until('and are served', () =>
      served.every(({ received }) => received.toString() === 'welcome echo')
    )

    // On Linux a spare descriptor resets one connection too many at once. On Windows
    // that is not possible: it waits in the backlog.
    const isOutside = ({ receivedBytes }: NetPeer) => receivedBytes === 0
    if (!isWindows)
      await until('somebody is refused', () =>
        peers.filter(isOutside).some(({ closed, ended }) => closed || ended)
      )
    else expect(peers.filter(isOutside).every(({ closed, ended }) => !closed && !ended)).toBe(true)

    served[0].socket.write('measure')
    const { percent, errors, waits } = (await server.at('measured')) as {
      percent: number
      errors: number
      waits: number
    }
    expect(percent).toBeLessThan(5)
    expect(waits).toBeLessThan(500)
    expect(errors).toBeLessThan(200)

    // Half of those inside leave, and all who wait outside: there is room again. Those outside are
    // still in the backlog, and each takes a descriptor until its end is read: a new client may
    // come at the moment when there is none, and tries again then.
    const staying = inside().slice(Math.ceil(inside().length / 2))
    for (const peer of peers) if (!staying.includes(peer)) peer.socket.destroy()
    const late = [1, 2, 3, 4, 5].map(() => connectPeer({ address: LOCAL, port }))
    await until('later clients are greeted', () => {
      for (const [index, peer] of late.entries())
        if (isOutside(peer) && (peer.closed || peer.ended))
          late[index] = connectPeer({ address: LOCAL, port })
      return !late.some(isOutside)
    })
    for (const peer of late) peer.socket.write('late')
    await until('and served', () =>
      late.every(({ received }) => received.toString() === 'welcome late')
    )
    late[0].socket.write('leave')
    await server.ended()
  }
)
