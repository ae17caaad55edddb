// A simulation in a process that can load no addon. Mark: done.
process.dlopen = () => {
  throw new Error('there is no addon here')
}
const { supported, SocketAddress } = await import('pollport')
const codeOf = (address) => {
  try {
    return new SocketAddress({ address, port: 1 }).address
  } catch ({ code }) {
    return code
  }
}
const { SimulatedNetwork } = await import('pollport/simulation')
const network = new SimulatedNetwork({ seed: 1, latencyMs: 10 })
const server = network.host(['10.0.0.1', 'fd00::1']).poller()
const client = network.host(['10.0.0.2', 'fd00::2']).poller()
server.listenTcp({ address: '::', port: 80 })
client.connectTcp({ address: '10.0.0.1', port: 80 })
const connection = client.connectTcp({ address: 'fd00:0::1', port: 80 })
connection.send('hello')
const types = []
const clients = []
while (network.now < 100)
  for (const poller of [client, server])
    for (const event of poller.wait(10)) {
      types.push(event.type)
      if (event.type === 'accept') clients.push(event.socket.remoteAddress.address)
    }
const peer = String(connection.remoteAddress)
// What a scope means, the addon alone finds out.
const addresses = ['fd00:0::1', 'fd00::g', 'fe80::1%eth0'].map(codeOf)
process.send({ mark: 'done', supported, types, peer, clients, addresses })
process.disconnect()
