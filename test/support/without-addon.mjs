// A simulation in a process that can load no addon. Mark: done.
process.dlopen = () => {
  throw new Error('there is no addon here')
}
const { supported } = await import('pollport')
const { SimulatedNetwork } = await import('pollport/simulation')
const network = new SimulatedNetwork({ seed: 1, latencyMs: 10 })
const server = network.host('10.0.0.1').poller()
const client = network.host('10.0.0.2').poller()
server.listenTcp({ address: '10.0.0.1', port: 80 })
const connection = client.connectTcp({ address: '10.0.0.1', port: 80 })
connection.send('hello')
const types = []
while (network.now < 100)
  for (const poller of [client, server]) for (const { type } of poller.wait(10)) types.push(type)
process.send({ mark: 'done', supported, types, peer: String(connection.remoteAddress) })
process.disconnect()
