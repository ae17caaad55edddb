// A worker in the middle of everything: it connects to itself, accepts, hands over to itself, sends
// and closes as fast as it can until it is terminated.
import { parentPort, workerData } from 'node:worker_threads'
import { Poller, Socket } from 'pollport'

const ANY = { address: '127.0.0.1', port: 0 }

const storms = {
  'accepting and connecting on a poller': () => {
    const poller = new Poller()
    const { localAddress } = poller.listenTcp(ANY)
    for (;;) {
      for (let count = 0; count < 60; count++) poller.connectTcp(localAddress)
      for (let left = 60; left > 0; ) {
        for (const event of poller.wait(100)) {
          if (event.type !== 'accept') continue
          left--
          event.socket.reset()
        }
      }
    }
  },
  'accepting with raw sockets': () => {
    const listener = new Socket({ type: 'tcp' })
    listener.bind(ANY)
    listener.listen()
    for (;;) {
      const near = new Socket({ type: 'tcp' })
      near.connect(listener.localAddress)
      listener.accept().reset()
      near.reset()
    }
  },
  'binding and adopting': () => {
    const poller = new Poller()
    const raw = () => new Socket({ type: 'udp' })
    for (;;) {
      const socket = raw()
      socket.bind(ANY)
      const sockets = [poller.adopt(socket), poller.bindUdp(ANY)]
      for (const each of sockets) each.send('x', each.localAddress)
      poller.wait(0)
      for (const each of sockets) each.close()
      poller.wait(0)
    }
  },
  'opening and closing pollers': () => {
    for (;;) {
      const poller = new Poller()
      const listener = poller.listenTcp(ANY)
      poller.connectTcp(listener.localAddress).send('x')
      poller.wait(1)
      poller.close()
    }
  }
}

parentPort.postMessage('there')
storms[workerData.storm]()
