// Frames over TCP, echoed: a client that hears nothing for a while connects anew, and asks again.
import { FrameDecoder, FrameEncoder, type TcpConnection } from 'pollport'
import type { SimulatedHost } from 'pollport/simulation'
import { type Answers, echoes, messageOf, SERVER } from './scenario.ts'

const PORT = 7000
const PATIENCE_MS = 3000
const encoder = new FrameEncoder()

export const frames = echoes('frames over TCP', {
  link: { latencyMs: { min: 5, mean: 25 }, jitterMs: 10, loss: 0.02, duplication: 0.01 },
  serve,
  ask
})

function serve(host: SimulatedHost): Promise<void> {
  const poller = host.poller<FrameDecoder>()
  poller.listenTcp({ address: '0.0.0.0', port: PORT })
  return poller.run((events) => {
    for (const event of events) {
      if (event.type === 'accept') event.socket.userPtr = new FrameDecoder()
      if (event.type === 'end') event.socket.end()
      if (event.type !== 'receive') continue
      for (const frame of event.userPtr?.push(event.data) ?? [])
        event.socket.send(encoder.encode(frame))
    }
  })
}

function ask(host: SimulatedHost, answers: Answers): Promise<void> {
  const client = host.address
  const poller = host.poller()
  let decoder = new FrameDecoder()
  let connection: TcpConnection | undefined
  answers.begin(client)
  const send = () => {
    if (answers.isDone(client)) connection?.end()
    else connection?.send(encoder.encode(messageOf(client, answers.next(client))))
  }
  const connect = () => {
    decoder = new FrameDecoder()
    connection = poller.connectTcp({ address: SERVER, port: PORT, timeoutMs: PATIENCE_MS })
    connection.setIdleTimeout(PATIENCE_MS)
    send()
  }
  const again = poller.timer(() => {
    if (!answers.isDone(client)) connect()
  })
  connect()
  return poller.run((events) => {
    for (const event of events) {
      // What is left of an earlier connection is no answer any more.
      if (event.type === 'wake' || event.type === 'datagram' || event.socket !== connection)
        continue
      if (event.type === 'timeout') connection.reset()
      if (event.type === 'close') again.set(100)
      if (event.type !== 'receive') continue
      for (const frame of decoder.push(event.data)) {
        answers.take(client, String(frame))
        send()
      }
    }
  })
}
