// Everything that takes descriptors, tried with none left, with one, with two, …: says what came of
// each, and that nothing was left open.
import { closeSync, openSync, readdirSync } from 'node:fs'
import { Epoll, Poller, Socket } from 'pollport'

const LOCAL = { address: '127.0.0.1', port: 0 }
const held = []
const hold = () => {
  try {
    for (;;) held.push(openSync('/dev/null', 'r'))
  } catch (error) {
    if (error.code !== 'EMFILE') throw error
  }
}
const release = (count) => {
  for (const fd of held.splice(0, count)) closeSync(fd)
}
const used = () => {
  release(1) // For reading the folder.
  const count = readdirSync('/proc/self/fd').length
  hold()
  return count
}

const poller = new Poller()
const peer = new Socket({ type: 'tcp' })
peer.bind(LOCAL)
peer.listen()
const target = peer.localAddress
// Each gives what is to be closed. The number is how many descriptors it takes.
const attempts = {
  'new Poller': [2, () => new Poller()],
  'new Epoll': [2, () => new Epoll()],
  'new Socket': [1, () => new Socket({ type: 'tcp' })],
  // And one to spare, which it does without when there is none.
  listenTcp: [1, () => poller.listenTcp(LOCAL)],
  bindUdp: [1, () => poller.bindUdp(LOCAL)],
  connectTcp: [1, () => poller.connectTcp({ address: target.address, port: target.port })]
}

// What a process opens once, and keeps.
for (const [, attempt] of Object.values(attempts)) attempt().close()
poller.wait(0)

const findings = []
let refused = 0
for (const [name, [takes, attempt]] of Object.entries(attempts)) {
  for (let free = 0; free <= 3; free++) {
    hold()
    const before = used()
    release(free)
    let made
    let error
    try {
      made = attempt()
    } catch (thrown) {
      error = thrown
    }
    if (free < takes) {
      refused++
      if (error?.code !== 'EMFILE' || error?.name !== 'SocketError')
        findings.push(`${name} with ${free}: ${error ?? 'it worked'}`)
      hold()
      if (used() !== before) findings.push(`${name} with ${free} left something open`)
    } else if (error) findings.push(`${name} with ${free}: ${error.stack}`)
    made?.close()
    poller.wait(0)
  }
}
// run() makes a thread, and the thread an eventfd.
hold()
const before = used()
const ran = await poller
  .run(() => {})
  .then(
    () => 'it ran',
    (error) => error.code
  )
if (ran !== 'EMFILE') findings.push(`run: ${ran}`)
refused++
if (used() !== before) findings.push('run left something open')

// And all is well again.
release(held.length)
const socket = poller.bindUdp(LOCAL)
socket.send('to itself', socket.localAddress)
const got = [...poller.wait(1000)].map(({ type }) => type)
if (got.join() !== 'datagram') findings.push(`afterwards: ${got}`)
process.send({ mark: 'done', findings, refused })
process.disconnect()
