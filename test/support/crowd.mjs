// Many clients of node:net: connect, say each something of their own, check the echo, and wait for
// the server to end them. Arguments: port, how many. Marks: connected (waits), echoed, ended
// (waits).
import { connect } from 'node:net'

const [port, count] = process.argv.slice(2).map(Number)
// So many at once that no listener's queue overflows: a connect that is dropped is only tried again
// after a second.
const WAVE = 200

function reached(mark, details) {
  process.send({ mark, ...details })
  return new Promise((resolve) => process.once('message', resolve))
}

const counts = { right: 0, wrong: 0, ended: 0, errors: 0 }
const sockets = []
for (let first = 0; first < count; first += WAVE) {
  await Promise.all(
    Array.from({ length: Math.min(WAVE, count - first) }, () => {
      return new Promise((resolve, reject) => {
        const socket = connect({ port, host: '127.0.0.1' }, resolve)
        socket.on('error', (error) => {
          counts.errors++
          reject(error)
        })
        sockets.push(socket)
      })
    })
  )
}
await reached('connected')

let everybodyEnded
const allEnded = new Promise((resolve) => {
  everybodyEnded = resolve
})
await Promise.all(
  sockets.map((socket, number) => {
    return new Promise((resolve) => {
      const said = `I am client ${number} of the crowd`
      let heard = ''
      socket.on('data', (chunk) => {
        heard += chunk
        if (heard.length < said.length) return
        if (heard === said) counts.right++
        else counts.wrong++
        resolve()
      })
      socket.on('end', () => {
        if (++counts.ended === count) everybodyEnded()
      })
      socket.write(said)
    })
  })
)
process.send({ mark: 'echoed', ...counts })
await allEnded
await reached('ended', counts)
process.exit(0)
