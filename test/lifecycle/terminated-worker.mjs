// A worker that comes to the state named in workerData.state, says 'there', and stays in it until
// it is terminated.
import { parentPort, workerData } from 'node:worker_threads'
import { Poller, Socket } from 'pollport'

const ANY = { address: '127.0.0.1', port: 0 }
const poller = new Poller()
const listener = poller.listenTcp(ANY)

function pair() {
  const far = poller.connectTcp(listener.localAddress)
  let near
  let isConnected = false
  while (near === undefined || !isConnected) {
    for (const event of poller.wait(1000)) {
      if (event.type === 'accept') near = event.socket
      if (event.type === 'connect') isConnected = true
    }
  }
  return { far, near }
}

const there = () => parentPort.postMessage('there')

const states = {
  'wait(-1)': () => {
    pair()
    there()
    poller.wait(-1)
  },
  'wait() of an hour': () => {
    there()
    poller.wait(3_600_000)
  },
  'a loop of short waits': () => {
    const { far } = pair()
    there()
    for (;;) {
      far.send('x')
      for (const event of poller.wait(1))
        if (event.type === 'receive') event.socket.send(event.data)
    }
  },
  'run()': () => {
    pair()
    poller.run(() => {})
    there()
  },
  'a busy run()': () => {
    const { far } = pair()
    far.send('back and forth')
    poller.run((events) => {
      for (const event of events) if (event.type === 'receive') event.socket.send(event.data)
    })
    there()
  },
  'for await': async () => {
    pair()
    there()
    for await (const _ of poller);
  },
  'pending sends': () => {
    const { far, near } = pair()
    near.pause()
    far.send(Buffer.alloc(30_000_000))
    poller.wait(1)
    far.send('never sent')
    there()
    poller.wait(-1)
  },
  'sockets of all kinds, and no wait': () => {
    pair()
    const udp = poller.bindUdp(ANY)
    udp.send('x', udp.localAddress)
    new Socket({ type: 'udp' }).bind(ANY)
    there()
    setInterval(() => {}, 1000)
  },
  'many pollers in run()': () => {
    for (let count = 0; count < 10; count++) {
      const each = new Poller()
      each.listenTcp(ANY)
      each.run(() => {})
    }
    there()
  },
  'an endless loop': () => {
    pair()
    there()
    for (;;);
  }
}

await states[workerData.state]()
