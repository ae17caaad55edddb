// What a seed decides, to be run more than once: a server that answers lines over TCP and
// WebSockets, clients that come and go, a host that crashes, bad links.
import { SimulatedNetwork } from 'pollport/simulation'
import { connectWebSocket, WebSocketServer } from 'pollport/websocket'

const SERVER = '10.0.0.1'

/** The trace of one run, and what its programs have seen. */
export async function conversation(seed: number): Promise<{ trace: string; seen: string[] }> {
  const network = new SimulatedNetwork({
    seed,
    latencyMs: { min: 5, mean: 20 },
    jitterMs: 10,
    loss: 0.05,
    duplication: 0.02
  })
  const seen: string[] = []
  const note = (what: string) => void seen.push(`${network.now} ${what}`)
  const server = network.host(SERVER)
  server.run(async () => {
    const poller = server.poller()
    const sockets = new WebSocketServer(poller, {
      address: SERVER,
      port: 8080,
      onMessage: (socket, data, isText) => socket.send(data, { isText })
    })
    note(`listens at ${sockets.localAddress}`)
    poller.listenTcp({ address: '0.0.0.0', port: 80 })
    for await (const events of poller)
      for (const event of events) {
        note(`server ${event.type}`)
        if (event.type === 'receive') event.socket.send(event.data)
        if (event.type === 'end') event.socket.end()
      }
  })
  for (let number = 2; number < 6; number++) {
    const host = network.host(`10.0.0.${number}`)
    host.run(async () => {
      await host.sleep(host.random.fraction() * 100)
      const poller = host.poller()
      if (number % 2 === 0) {
        connectWebSocket(poller, {
          address: SERVER,
          port: 8080,
          onOpen: (socket) => socket.send('hello'),
          onMessage: (socket, data) => {
            note(`${number} message ${socket.text(data)}`)
            poller
              .timer(() => socket.send(`${host.random.below(1000)}`))
              .set(host.random.below(300))
          },
          onClose: () => note(`${number} closed`)
        })
      } else {
        const connection = poller.connectTcp({ address: SERVER, port: 80 })
        poller.timer(() => connection.end()).set(500)
        connection.send(`hello from ${number}`)
      }
      await poller.run((events) => {
        for (const { type } of events) note(`${number} ${type}`)
      })
    })
  }
  await network.run({ untilMs: 700 })
  network.host('10.0.0.9')
  network.partition([SERVER], ['10.0.0.2'])
  await network.run({ untilMs: 1500 })
  network.heal()
  await network.run({ untilMs: 4000 })
  return { trace: network.trace, seen }
}
