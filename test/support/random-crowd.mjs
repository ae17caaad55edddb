// Clients on a Poller of their own: all connect, each says its number and then counts, and ends at
// random: by close(), by reset(), or by waiting for the other side to do so. Arguments: port, how
// many, seed. Marks: connected (waits), done with what each has said in full.
import { Poller } from 'pollport'
import { randomFrom } from './poller-random.ts'

const [port, count, seed] = process.argv.slice(2).map(Number)
const random = randomFrom(seed)
const WAVE = 200

const poller = new Poller()
const clients = []
const counts = { connects: 0, closes: 0, twice: 0, after: 0, failed: 0 }
let isOver = false

class Client {
  constructor(number) {
    this.number = number
    this.said = 0
    this.isOpen = false
    this.isClosed = false
    this.closedInOrder = false
    this.socket = poller.connectTcp({ address: '127.0.0.1', port }, this)
  }

  say() {
    const words = 1 + random(8)
    const bytes = Buffer.allocUnsafe(words * 4)
    for (let word = 0; word < words; word++) bytes.writeUInt32LE(this.said++, word * 4)
    this.socket.send(bytes)
  }
}

function step(timeoutMs) {
  for (const event of poller.wait(timeoutMs)) {
    const client = event.userPtr
    if (client.isClosed) counts.after++
    if (event.type === 'connect') {
      if (client.isOpen) counts.twice++
      client.isOpen = true
      counts.connects++
      const hello = Buffer.alloc(4)
      hello.writeUInt32LE(client.number)
      client.socket.send(hello)
    } else if (event.type === 'receive') {
      // Random answers only make traffic in both directions.
    } else if (event.type === 'end') {
      client.sawEnd = true
      client.socket.end()
    } else if (event.type === 'close') {
      client.isClosed = true
      client.isOpen = false
      counts.closes++
      if (event.error !== undefined) client.closedInOrder = false
      if (event.error !== undefined && !isOver) counts.failed++
    }
  }
}

for (let first = 0; first < count; first += WAVE) {
  for (let number = first; number < Math.min(first + WAVE, count); number++)
    clients.push(new Client(number))
  while (counts.connects < clients.length) step(50)
}
process.send({ mark: 'connected', ...counts })
await new Promise((resolve) => process.once('message', resolve))

isOver = true // From here on resets are part of it.
while (counts.closes < count) {
  for (let actions = 0; actions < 100; actions++) {
    const client = clients[random(count)]
    if (client.isClosed || !client.isOpen || client.isLeaving) continue
    const action = random(12)
    if (action < 10) {
      if (!client.sawEnd) client.say()
    } else {
      client.isLeaving = true
      // What was said before a close() arrives whole, unless the other side has gone first.
      client.closedInOrder = action === 10 && !client.sawEnd
      if (action === 10) client.socket.close()
      else client.socket.reset()
    }
  }
  step(0)
}
process.send({
  mark: 'done',
  ...counts,
  said: clients
    .filter((client) => client.closedInOrder)
    .map((client) => [client.number, client.said])
})
await new Promise((resolve) => process.once('message', resolve))
poller.close()
process.exit(0)
