// WebSocket messages, echoed: a client that gets no answer for a while connects anew, and asks
// again.
import type { SimulatedHost } from 'pollport/simulation'
import { connectWebSocket, type WebSocket, WebSocketServer } from 'pollport/websocket'
import { type Answers, echoes, messageOf, SERVER } from './scenario.ts'

const PORT = 7002
const PATIENCE_MS = 3000

export const websockets = echoes('WebSockets', {
  link: { latencyMs: { min: 5, mean: 25 }, jitterMs: 10, loss: 0.02 },
  serve,
  ask
})

function serve(host: SimulatedHost): Promise<void> {
  const poller = host.poller()
  new WebSocketServer(poller, {
    address: '0.0.0.0',
    port: PORT,
    onMessage: (socket, data, isText) => void socket.send(data, { isText })
  })
  return poller.run(() => {})
}

function ask(host: SimulatedHost, answers: Answers): Promise<void> {
  const client = host.address
  const poller = host.poller()
  let socket: WebSocket | undefined
  answers.begin(client)
  const send = () => {
    patience.set(PATIENCE_MS)
    socket?.send(messageOf(client, answers.next(client)))
  }
  const connect = () => {
    patience.set(PATIENCE_MS)
    const made: WebSocket = connectWebSocket(poller, {
      address: SERVER,
      port: PORT,
      timeoutMs: PATIENCE_MS,
      onOpen: send,
      onMessage: (from, data) => {
        if (from !== socket) return
        answers.take(client, from.text(data))
        if (!answers.isDone(client)) send()
        else {
          patience.cancel()
          from.close()
        }
      },
      onClose: (from) => {
        if (from === socket && !answers.isDone(client)) again.set(100)
      }
    })
    socket = made
  }
  const again = poller.timer(connect)
  const patience = poller.timer(() => {
    socket?.terminate()
  })
  connect()
  return poller.run(() => {})
}
