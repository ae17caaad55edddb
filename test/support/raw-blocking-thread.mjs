// A thread that makes one blocking call on a socket that it was handed, and says when it began,
// when it ended, and how.
import { parentPort, workerData } from 'node:worker_threads'
import { Socket } from 'pollport'

const { handle, call, bytes } = workerData
const socket = Socket.fromHandle(handle)
parentPort.postMessage({ began: true })
const started = performance.now()
const result =
  call === 'recv'
    ? String(socket.recv())
    : call === 'accept'
      ? socket.accept().remoteAddress.port
      : socket.send(Buffer.alloc(bytes, 'b'))
parentPort.postMessage({ result, spentMs: performance.now() - started })
socket.close()
