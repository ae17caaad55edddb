// Requests by UDP, that a client repeats until they are answered.
import type { SimulatedHost } from 'pollport/simulation'
import { type Answers, echoes, MESSAGES, messageOf, SERVER } from './scenario.ts'

const PORT = 7001
const PATIENCE_MS = 300

export const datagrams = echoes('datagrams', {
  link: { latencyMs: { min: 5, mean: 25 }, jitterMs: 30, loss: 0.05, duplication: 0.05 },
  serve,
  ask
})

function serve(host: SimulatedHost): Promise<void> {
  const poller = host.poller()
  const socket = poller.bindUdp({ address: '0.0.0.0', port: PORT })
  return poller.run((events) => {
    for (const event of events)
      if (event.type === 'datagram') socket.send(event.data, event.address)
  })
}

function ask(host: SimulatedHost, answers: Answers): Promise<void> {
  const client = host.address
  const poller = host.poller({ maxDatagramBytes: 8000 })
  const socket = poller.bindUdp({ address: client, port: 0 })
  answers.begin(client)
  const send = () => {
    if (answers.isDone(client)) return repeat.cancel()
    socket.send(messageOf(client, answers.next(client)), { address: SERVER, port: PORT })
    repeat.set(PATIENCE_MS)
  }
  const repeat = poller.timer(send)
  send()
  return poller.run((events) => {
    for (const event of events) {
      if (event.type !== 'datagram') continue
      const text = String(event.data)
      // A second answer, or one that was overtaken; never one to what was not asked.
      const known = answers.next(client)
      const asked = Array.from({ length: Math.min(known + 1, MESSAGES) }, (_, at) => at)
      if (!asked.some((number) => text === messageOf(client, number)))
        throw new Error(`${client} got an answer to what it did not ask: ${text.slice(0, 40)}`)
      if (known < MESSAGES && text === messageOf(client, known)) {
        answers.take(client, text)
        send()
      }
    }
  })
}
