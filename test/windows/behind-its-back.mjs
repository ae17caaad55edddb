// Does to pollport's handles what a program could only do behind its back, and tells its parent
// what pollport says of it. Leaves by process.exit(), since some of the handles that pollport would
// close are nobody's, or somebody else's, by then.
import { setTimeout } from 'node:timers/promises'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { Iocp, Socket } from 'pollport'
import {
  closeHandle,
  closeSocket,
  openedBy,
  plainSocket,
  setCompletionModes
} from '../support/win32.mjs'

const LOCAL = '127.0.0.1'

function pair(iocp) {
  const listener = new Socket({ type: 'tcp' })
  listener.bind({ address: LOCAL, port: 0 })
  listener.listen()
  const near = new Socket({ type: 'tcp' })
  near.connect(listener.localAddress)
  iocp.add(near, 'near')
  return { listener, near, far: listener.accept() }
}

const told = (error) => ({
  name: error.name,
  code: error.code,
  errno: error.errno,
  syscall: error.syscall
})

const deeds = {
  'closes the port under its waiter': () => {
    const { opened: iocp, handles } = openedBy(() => new Iocp())
    new Worker(new URL(import.meta.url), { workerData: { handles } })
    try {
      return iocp.wait(-1)
    } catch (error) {
      return told(error)
    }
  },
  'closes the accepting socket under AcceptEx': () => {
    const iocp = new Iocp()
    const { listener } = pair(iocp)
    iocp.add(listener, 'listener')
    const { opened: accept, handles } = openedBy(() => listener.overlappedAccept())
    for (const handle of handles) closeSocket(handle)
    const [{ overlapped, error }] = iocp.wait(10_000)
    return {
      isItsOwn: overlapped === accept,
      accepted: accept.accepted,
      pending: accept.pending,
      ...told(error)
    }
  },
  'adds a socket without the overlapped flag': () => {
    const socket = Socket.fromHandle(plainSocket())
    const iocp = new Iocp()
    try {
      iocp.add(socket, 'plain')
      socket.overlappedReceive(1)
      return 'nothing was thrown'
    } catch (error) {
      return { ...told(error), size: iocp.size }
    }
  },
  'asks for no completion on success': () => {
    const iocp = new Iocp()
    const { near } = pair(iocp)
    const isSet = setCompletionModes(near.handle, 1) !== 0
    const send = near.overlappedSend('at once')
    return { isSet, bytes: send.getResult(true), completions: iocp.wait(50).length }
  }
}

if (isMainThread) {
  process.send({ mark: 'told', answer: deeds[process.argv[2]]() })
  process.once('message', () => process.exit(0))
} else {
  await setTimeout(500) // By then the main thread waits.
  for (const handle of workerData.handles) closeHandle(handle)
}
