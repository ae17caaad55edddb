// Where to listen, in the words of net.Server.listen().
import { lookup } from 'node:dns/promises'
import type { Poller } from 'pollport'

/** The numeric address; without a name all of this machine's, as in Node. */
export async function addressOf(
  hostname: string | undefined,
  poller: Poller<unknown>
): Promise<string> {
  if (hostname !== undefined && hostname !== '') return (await lookup(hostname)).address
  try {
    const listener = poller.listenTcp({ address: '::', port: 0 })
    // Its close event is nobody's: not the program's, whose poller it may be.
    listener.divert(() => {})
    listener.close()
    return '::'
  } catch {
    return '0.0.0.0' // a system without IPv6
  }
}

/** @throws RangeError for what is no port; a path of a pipe is none */
export function portOf(port: number | string | undefined): number {
  const number = Number(port ?? 0)
  if (Number.isInteger(number) && number >= 0 && number <= 65_535 && port !== '') return number
  throw Object.assign(
    new RangeError(`PollportTransport listens on a port, 0 to 65535, and not on '${port}'`),
    { code: 'ERR_SOCKET_BAD_PORT' }
  )
}
