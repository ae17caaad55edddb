// A TCP proxy. Shows two connections that reach each other by userPtr, backpressure in both
// directions, and half-close. It reads nothing from a client before the target is connected.
// Run it with `npx tsx examples/proxy.ts 8080 10.0.0.5:80` (addresses are numeric), or a copy of it
// with `node proxy.mts …` (before Node 22.18: `npx tsx proxy.mts …`). End it with Ctrl-C.
// Leaves out the meaning of the bytes: it forwards any protocol.
import { Poller, SocketAddress, type TcpConnection } from 'pollport'

const [port = '0', target = ''] = process.argv.slice(2)
const separator = target.lastIndexOf(':')
if (separator < 0) throw new Error('usage: proxy.ts PORT TARGET-ADDRESS:TARGET-PORT')
// Throws here for a host name or a wrong port, and not at the first client.
const upstream = new SocketAddress({
  address: target.slice(0, separator).replace(/^\[(.*)\]$/, '$1'),
  port: Number(target.slice(separator + 1))
})

type Side = TcpConnection<Pair>

interface Pair {
  other: Side
}

const poller = new Poller<Pair>({ highWaterMarkBytes: 256 * 1024 })
const listener = poller.listenTcp({ address: '127.0.0.1', port: Number(port) })
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
process.once('SIGTERM', () => stop.abort())
console.log(`proxy on port ${listener.localAddress.port}`)

await poller.run(
  (events) => {
    for (const event of events) {
      switch (event.type) {
        case 'accept':
          connect(event.socket)
          break
        case 'connect':
          event.userPtr?.other.resume()
          break
        case 'receive':
          // False: the other side does not keep up. Read no more from this one until its drain.
          if (event.userPtr?.other.send(event.data) === false) event.socket.pause()
          break
        case 'drain':
          // The other side may have closed before this one drained.
          if (event.userPtr?.other.closed === false) event.userPtr.other.resume()
          break
        case 'end':
          event.userPtr?.other.end() // pass the half-close on: the answer may still come
          break
        case 'close':
          closeOther(event.userPtr?.other, event.error !== undefined)
          break
        case 'error':
          console.error(event.error.message)
          break
      }
    }
  },
  { signal: stop.signal }
)
poller.close()

function connect(client: Side): void {
  client.pause()
  const { address, port } = upstream
  const server = poller.connectTcp({ address, port, timeoutMs: 5000 }, { other: client })
  client.userPtr = { other: server }
}

function closeOther(other: Side | undefined, isBroken: boolean): void {
  if (other === undefined || other.closed) return
  if (isBroken) other.reset()
  // Not close(): end() still takes what the other side sends, so that nothing is lost.
  else other.end()
}
