// Faults that need more than one call to fail. Arguments: which, and the most milliseconds of
// processor time that a rest may cost. Tells what happened by "done".
import { Poller } from 'pollport'
import { leastBusyMs } from '../support/processor-time.mjs'
import { Faults } from './shim/control.mjs'

const [which, most] = process.argv.slice(2)
const faults = new Faults()
const poller = new Poller()
const listener = poller.listenTcp({ address: '127.0.0.1', port: 0 })
const client = poller.connectTcp({ address: '127.0.0.1', port: listener.localAddress.port })

/** Waits until `done`, or for two seconds; keeps events and thrown errors. */
function until(done) {
  const seen = []
  const deadline = performance.now() + 2000
  while (!done(seen) && performance.now() < deadline) {
    try {
      for (const event of poller.wait(20)) {
        seen.push({
          type: event.type,
          code: event.error?.code,
          syscall: event.error?.syscall,
          socket: event.socket,
          bytes: event.data?.length
        })
      }
    } catch (error) {
      seen.push({ type: 'thrown', code: error.code, syscall: error.syscall })
    }
  }
  return seen
}

const cases = {
  // A sandbox that forbids accept4.
  async acceptForbidden() {
    faults.set([{ call: 'accept4', times: 0, error: 'EPERM' }])
    const told = until((seen) => seen.some(({ type }) => type === 'error'))
    const busyMs = await leastBusyMs(Number(most), () => until(() => false))
    faults.clear()
    const after = until((seen) => seen.some(({ type }) => type === 'accept'))
    const { code, syscall } = told.find(({ type }) => type === 'error') ?? {}
    return {
      code,
      syscall,
      busyMs,
      accepted: after.some(({ type }) => type === 'accept')
    }
  },
  // The wait fails right after a send that was not taken whole: what the send had to tell must not
  // go with it.
  waitAfterShortSend() {
    const accepted = until((seen) => seen.some(({ type }) => type === 'accept')).find(
      ({ type }) => type === 'accept'
    ).socket
    until((seen) => client.bytesSent >= 0 && seen.length === 0)
    const bytes = 3000
    client.send(Buffer.alloc(bytes))
    faults.set([
      { call: 'send', error: undefined, limit: 10 },
      { call: 'epoll_wait', error: 'ENOMEM' }
    ])
    let received = 0
    const seen = until((events) => {
      received = events.reduce(
        (sum, event) => sum + (event.socket === accepted && event.bytes ? event.bytes : 0),
        0
      )
      return received === bytes
    })
    return {
      received,
      sent: client.bytesSent,
      total: faults.total,
      types: [...new Set(seen.map(({ type }) => type))]
    }
  }
}

const result = await cases[which]()
process.send({ mark: 'done', ...result, faults: faults.total })
poller.close()
process.disconnect()
