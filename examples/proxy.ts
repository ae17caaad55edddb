// A TCP proxy: `node --import tsx examples/proxy.ts 8080 10.0.0.5:80`, addresses are numeric. Shows
// two connections that know each other by userPtr, backpressure in both directions, half-close.
// Nothing is read from a client before its other side is connected, and never more than is sent on.
// End it with Ctrl-C. It refuses to know what the bytes mean.
import { Poller, type TcpConnection } from 'pollport'

const [port = '0', target = ''] = process.argv.slice(2)
const separator = target.lastIndexOf(':')
if (separator < 0) throw new Error('usage: proxy.ts PORT TARGET-ADDRESS:TARGET-PORT')
const upstream = { address: target.slice(0, separator), port: Number(target.slice(separator + 1)) }

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
          // False: the other side does not keep up, so this one is not read until it has drained.
          if (event.userPtr?.other.send(event.data) === false) event.socket.pause()
          break
        case 'drain':
          // The other one may have closed in order before this one had drained.
          if (event.userPtr?.other.closed === false) event.userPtr.other.resume()
          break
        case 'end':
          event.userPtr?.other.end() // half-close goes through: the answer may still come
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
  const server = poller.connectTcp({ ...upstream, timeoutMs: 5000 }, { other: client })
  client.userPtr = { other: server }
}

function closeOther(other: Side | undefined, isBroken: boolean): void {
  if (other === undefined || other.closed) return
  if (isBroken) other.reset()
  // Not close(): end() still takes what the other side sends, so that nothing is lost.
  else other.end()
}
