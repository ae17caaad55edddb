// A poller in Node's loop is busy for some turns and then has nothing, again and again: node
// busy-turns.mjs ROUNDS.
import { Poller } from 'pollport'

const BUSY_TURNS = 4
const rounds = Number(process.argv[2])
const poller = new Poller()
const socket = poller.bindUdp({ address: '127.0.0.1', port: 0 })
const sendToItself = () => socket.send('again', socket.localAddress)

let received = 0
sendToItself()
await poller.run(() => {
  received++
  if (received === rounds * BUSY_TURNS) poller.close()
  // Ready again when Node's loop looks, before the poller does
  else if (received % BUSY_TURNS !== 0) sendToItself()
  // And this finds the poller waiting
  else setTimeout(sendToItself, 1)
})
