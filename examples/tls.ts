// TLS over pollport: an echo server whose connections are Node streams, encrypted by node:tls.
// Run it with `npx tsx examples/tls.ts key.pem cert.pem 8443`, or a copy with `node tls.mts …`
// (before Node 22.18: `npx tsx`). Try it: `openssl s_client -connect 127.0.0.1:8443`. The files:
// `openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=localhost`.
// Leaves out renewing certificates: make a new `secureContext` when your files change.
import { readFileSync } from 'node:fs'
import { createSecureContext, TLSSocket } from 'node:tls'
import { Poller, type TcpConnection, toDuplex } from 'pollport'

const HANDSHAKE_TIMEOUT_MS = 10_000
const [keyFile, certificateFile, port = '0'] = process.argv.slice(2)
if (keyFile === undefined || certificateFile === undefined)
  throw new Error('usage: tls.ts KEY CERTIFICATE [PORT]')
const secureContext = createSecureContext({
  key: readFileSync(keyFile),
  cert: readFileSync(certificateFile)
})

const poller = new Poller()
const listener = poller.listenTcp({ address: '127.0.0.1', port: Number(port) })
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
process.once('SIGTERM', () => stop.abort())
console.log(`tls on port ${listener.localAddress.port}`)

await poller.run(
  (events) => {
    for (const event of events) {
      if (event.type === 'accept') serve(event.socket)
      if (event.type === 'error') console.error(event.error.message)
    }
  },
  { signal: stop.signal }
)
poller.close()

function serve(connection: TcpConnection): void {
  const stream = toDuplex(connection)
  const secure = new TLSSocket(stream, { isServer: true, secureContext })
  // tls ends the stream itself, and may still send after the peer's FIN. Set this only after
  // TLSSocket took the stream, or the TLSSocket becomes half-open, too.
  stream.allowHalfOpen = true
  // A client that connects and sends nothing must not keep a descriptor.
  const closeTimer = setTimeout(
    () => secure.destroy(new Error('no handshake')),
    HANDSHAKE_TIMEOUT_MS
  )
  secure.once('secure', () => clearTimeout(closeTimer))
  secure.once('close', () => clearTimeout(closeTimer))
  secure.on('error', (error) => console.error(error.message))
  secure.pipe(secure) // the echo, with the streams' own backpressure
}
