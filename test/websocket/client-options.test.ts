// connectWebSocket(): what cannot be is refused before anything is opened, and a failed set-up of
// TLS leaves nothing behind.
import { Poller } from 'pollport'
import { type ConnectWebSocketOptions, connectWebSocket, WebSocketServer } from 'pollport/websocket'
import { expect, onTestFinished, test } from 'vitest'
import { codeOf } from '../support/raw-pair.ts'
import { LOCAL, serve, until } from './serving.ts'

test('options of TLS that node:tls refuses leave no connection behind', async () => {
  const { poller, port } = serve()
  const before = poller.stats.sockets
  const connect = () =>
    connectWebSocket(poller, { address: LOCAL, port, tls: { minVersion: 'TLSv9' as never } })
  expect(codeOf(connect)).toBe('ERR_TLS_INVALID_PROTOCOL_VERSION')
  await until('the connection is closed', () => poller.stats.sockets === before)
})

test('tls: false is no TLS, for a client and for a server', async () => {
  const { poller, port } = serve({ tls: false })
  const said: string[] = []
  connectWebSocket(poller, {
    address: LOCAL,
    port,
    tls: false,
    onOpen: (socket) => socket.close(1000),
    onClose: (_socket, code) => void said.push(`close ${code}`)
  })
  await until('it is closed', () => said.length === 1)
  expect(said).toEqual(['close 1000'])
})

test('what is no option of TLS is refused, and nothing is opened', () => {
  const poller = new Poller()
  onTestFinished(() => poller.close())
  for (const tls of [null, 'yes', 1] as unknown as { key: string }[]) {
    const here = { address: LOCAL, port: 0, tls }
    expect(codeOf(() => new WebSocketServer(poller, here))).toBe('ERR_INVALID_ARG_TYPE')
    const there = { address: LOCAL, port: 1, tls } as ConnectWebSocketOptions
    expect(codeOf(() => connectWebSocket(poller, there))).toBe('ERR_INVALID_ARG_TYPE')
  }
  expect(poller.stats.sockets).toBe(0)
})

test.each([
  ['a host with a line of its own', { host: 'a\r\nX-Admin: 1' }],
  ['two hosts', { host: 'a, b' }],
  ['a host with a path', { host: 'a/b' }],
  ['no host', { host: '' }],
  ['a second Host', { headers: { Host: 'b' } }],
  ['a second key', { headers: { 'Sec-WebSocket-Key': 'x' } }],
  ['another version', { headers: { 'sec-websocket-version': '8' } }],
  ['a field with a line of its own', { headers: { 'X-Name': 'a\r\nX-Admin: 1' } }],
  ['a path with a space', { path: '/a b' }],
  ['a path that is none', { path: 'a' }]
])('%s is refused, and nothing is opened', (_what, options) => {
  const poller = new Poller()
  onTestFinished(() => poller.close())
  const connect = () => connectWebSocket(poller, { address: LOCAL, port: 1, ...options })
  expect(codeOf(connect)).toBe('ERR_INVALID_ARG_VALUE')
  expect(poller.stats.sockets).toBe(0)
})

test('without an address, or with one that is no string, it says so', () => {
  const poller = new Poller()
  onTestFinished(() => poller.close())
  for (const address of [undefined, 5])
    expect(codeOf(() => connectWebSocket(poller, { address, port: 1 } as never))).toBe(
      'ERR_INVALID_ARG_TYPE'
    )
})

test('a host is sent as it is: a name, a name and a port, an address of IPv6', async () => {
  const hosts: (string | undefined)[] = []
  const { poller, port } = serve({
    onUpgrade({ headers }) {
      hosts.push(headers.host)
      return { reject: 403 }
    }
  })
  const asked = ['game.example', 'game.example:8080', '[2001:db8::1]:80', 'a_b.example']
  for (const host of asked) connectWebSocket(poller, { address: LOCAL, port, host })
  connectWebSocket(poller, { address: LOCAL, port })
  await until('all have asked', () => hosts.length === asked.length + 1)
  expect(new Set(hosts)).toEqual(new Set([...asked, `${LOCAL}:${port}`]))
})
