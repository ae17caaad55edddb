// uWebSockets.js, from an npm package that carries its binaries. Loaded by its name, since the
// package itself falls back to `ws` without an error where it has no binary for this Node.
import { createRequire } from 'node:module'
import { absent, message, role } from './arguments.mjs'

const { platform, arch, versions } = process
const extras = createRequire(new URL('../extras/package.json', import.meta.url))
const TOPIC = 'members'

function load() {
  const binary = `uws_${platform}_${arch}_${versions.modules}.node`
  try {
    return extras(`@trufflesuite/uws-js-unofficial/binaries/${binary}`)
  } catch (error) {
    return absent(error)
  }
}

const uws = load()

function echo(socket, data) {
  socket.send(data, true, false)
}

/** A member that sends starts a tick: all the others get a message. */
function publish(socket) {
  socket.publish(TOPIC, message, true, false)
}

const isFanOut = role === 'ws-publish'
uws
  .App()
  .ws('/*', {
    compression: uws.DISABLED,
    maxPayloadLength: 1024 * 1024,
    open(socket) {
      if (isFanOut) socket.subscribe(TOPIC)
    },
    message: isFanOut ? publish : echo
  })
  .listen('127.0.0.1', 0, (listener) => {
    console.log(`port ${uws.us_socket_local_port(listener)}`)
  })
