// One poller sends to many connections that Node's net holds, round after round, and the script
// says what arrived: node batched-calls.mjs MODE [WHEN], where WHEN is after how many rounds a
// filter of system calls (seccomp(2)) begins to refuse io_uring; 0 is before the poller is made.
import { connect } from 'node:net'
import koffi from 'koffi'
import { Poller } from 'pollport'
import { ringDescriptors } from './rings.mjs'

const CONNECTIONS = 40
const ROUNDS = 4
const [batchCalls, refusedAfter] = process.argv.slice(2)

/**
 * The rings of Node's own loop are the ones that are open now. They stay open, and libuv ends the
 * process when the kernel refuses them later, so the filter must let them pass.
 */
const ringsOfNode = ringDescriptors()

/** EPERM for io_uring_setup, and for io_uring_enter of a ring not Node's; of this thread alone. */
function refuseIoUring() {
  const program = koffi.struct('sock_fprog', { len: 'uint16', filter: 'void *' })
  const libc = koffi.load(null)
  const allow = libc.func('prctl', 'int', ['int', 'ulong', 'ulong', 'ulong', 'ulong'])
  const filterBy = libc.func('prctl', 'int', ['int', 'ulong', koffi.pointer(program)])
  const setNoNewPrivileges = 38
  const setSeccomp = 22
  const modeFilter = 2
  // Code, jump if so, jump if not, operand: load the call's number; refuse io_uring_setup, allow
  // what is not io_uring_enter; load its descriptor, allow each of Node's; answer errno 1; allow.
  const count = ringsOfNode.length
  const steps = [
    [0x20, 0, 0, 0],
    [0x15, count + 2, 0, 425],
    [0x15, 0, count + 2, 426],
    [0x20, 0, 0, 16],
    ...ringsOfNode.map((ring, at) => [0x15, count - at, 0, ring]),
    [0x06, 0, 0, 0x00050001],
    [0x06, 0, 0, 0x7fff0000]
  ]
  const filter = Buffer.alloc(steps.length * 8)
  steps.forEach(([code, so, not, operand], at) => {
    filter.writeUInt16LE(code, at * 8)
    filter.writeUInt8(so, at * 8 + 2)
    filter.writeUInt8(not, at * 8 + 3)
    filter.writeUInt32LE(operand, at * 8 + 4)
  })
  if (allow(setNoNewPrivileges, 1, 0, 0, 0) !== 0) throw new Error('no PR_SET_NO_NEW_PRIVS')
  if (filterBy(setSeccomp, modeFilter, { len: steps.length, filter }) !== 0)
    throw new Error('no PR_SET_SECCOMP')
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

async function sendToMany() {
  const poller = new Poller({ batchCalls })
  const listener = poller.listenTcp({ address: '127.0.0.1', port: 0 })
  const received = Array(CONNECTIONS).fill('')
  const peers = []
  for (let number = 0; number < CONNECTIONS; number++) {
    const peer = connect(listener.localAddress.port, '127.0.0.1')
    peer.on('data', (data) => {
      received[number] += data
    })
    peers.push(peer)
  }
  const connections = []
  const until = async (isSo) => {
    const deadline = performance.now() + 10_000
    while (!isSo() && performance.now() < deadline) {
      for (const event of poller.wait(0))
        if (event.type === 'accept') connections.push(event.socket)
      await turn()
    }
  }
  await until(() => connections.length === CONNECTIONS)
  const atFirst = ringDescriptors().length
  let expected = ''
  for (let round = 0; round < ROUNDS; round++) {
    if (round > 0 && round === Number(refusedAfter)) refuseIoUring()
    // In turns, so that the bytes of one connection lie in two places.
    for (const connection of connections) connection.send(`round ${round}, `)
    for (const connection of connections) connection.send('and its end\n')
    expected += `round ${round}, and its end\n`
    poller.flush()
  }
  await until(() => received.every((text) => text.length >= expected.length))
  const forTheRing = ringDescriptors().length - atFirst
  const isWhole = received.every((text) => text === expected)
  const { batchedCalls } = poller.capabilities
  poller.close()
  for (const peer of peers) peer.destroy()
  return { batchedCalls, isWhole, forTheRing }
}

if (refusedAfter === '0') refuseIoUring()
const answer = await sendToMany().catch(({ code, syscall, message }) => ({
  code,
  syscall,
  message
}))
console.log(JSON.stringify(answer))
