// Sits in a raw epoll's wait(-1), with some sockets open, until it is terminated.
import { parentPort } from 'node:worker_threads'
import { Epoll, Socket } from 'pollport'

const epoll = new Epoll()
for (let count = 0; count < 5; count++)
  epoll.add(new Socket({ type: 'udp', nonBlocking: true }), undefined)
parentPort.postMessage('waiting')
epoll.wait(-1)
