// As many connections as there are local ports, to each peer: connectTcp's localAddress does not
// take a port from all the peers for each connection.
import { expect, test } from 'vitest'
import { startChild } from '../support/child.ts'

const PORTS = 16
const PEERS = 4
// A network of its own, which has a loopback and so few local ports.
const inOwnNetwork = `
ip link set lo up
echo 40000 ${40000 + PORTS - 1} > /proc/sys/net/ipv4/ip_local_port_range
exec "$@"`

test('connections from one local address to different peers share its ports', async () => {
  const child = startChild(new URL('./local-ports.mjs', import.meta.url), {
    args: [String(PORTS)],
    inside: ['unshare', '--net', 'sh', '-ec', inOwnNetwork, 'sh']
  })
  const { connected } = await child.at('done')
  const all = { connections: PORTS * PEERS, ports: PORTS }
  expect(connected).toEqual({ '127.0.0.1': all, '::1': all })
  expect((await child.ended).code).toBe(0)
})
