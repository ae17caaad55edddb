// RFC 6455, 5 to 7, where it takes a connection to show: who masks, who answers, who ends first.
import { connectWebSocket, type WebSocket } from 'pollport/websocket'
import { expect, test } from 'vitest'
import { codeOf } from '../support/raw-pair.ts'
import { close, decode, ping, pong, text } from './frames.ts'
import { answerText, RawServer, unmasked } from './raw-server.ts'
import { ask, LOCAL, serve, until } from './serving.ts'

/** Our client, open at a server of bytes. */
async function openClient(onOpen: (socket: WebSocket<undefined>) => void = () => {}) {
  const { poller } = serve()
  const peers = await RawServer.open()
  const told: string[] = []
  connectWebSocket<undefined>(poller, {
    address: LOCAL,
    port: peers.port,
    onOpen(socket) {
      told.push('open')
      onOpen(socket)
    },
    onClose: (_socket, code, _reason, error) =>
      void told.push(`close ${code}${error === undefined ? '' : ' with an error'}`)
  })
  const peer = await peers.connection()
  await peer.write(answerText(await peer.asked()))
  await until('it is open', () => told.length > 0)
  return { peer, told }
}

test('5.1 and 5.3: a client masks each frame, by a key of its own; a server masks none', async () => {
  const { peer } = await openClient((socket) => {
    for (let count = 0; count < 20; count++) socket.send('same')
  })
  await until('all have come', () => peer.frames.length === 20 * 10)
  const keys = new Set<string>()
  for (let at = 0; at < peer.frames.length; at += 10) {
    expect(peer.frames[at + 1]).toBe(0x80 + 4)
    keys.add(peer.frames.subarray(at + 2, at + 6).toString('hex'))
  }
  expect(keys.size).toBe(20)
  const client = await ask(serve().port)
  await client.write(text('same'))
  await until('the echo comes', () => client.frames.length > 0)
  expect(client.frames).toEqual(Buffer.from('\x81\x04same', 'latin1'))
})

test('5.5.2 and 5.5.3: a pong has the bytes of its ping; an unasked pong is answered by nothing', async () => {
  const client = await ask(serve().port)
  await client.write(Buffer.concat([pong('unasked'), ping('one'), ping('two'), text('last')]))
  const words = () => decode(client.frames, { role: 'client' })
  await until('all is answered', () => words().length === 3)
  expect(words()).toEqual(['pong 6f6e65', 'pong 74776f', 'text last'])
})

test('7.1.1: the server ends the TCP connection, and the client waits for that', async () => {
  const { peer, told } = await openClient()
  await peer.write(unmasked(close(4000, 'bye')))
  await until('the answer comes', () => peer.frames.length > 0)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(decode(peer.frames)).toEqual(['close 4000'])
  expect(peer.hasEnded).toBe(false)
  expect(told).toEqual(['open'])
  peer.socket.end()
  await until('onClose is called', () => told.length === 2)
  expect(told).toEqual(['open', 'close 4000'])
  const client = await ask(serve().port)
  await client.write(close(4000))
  await until('the server ends', () => client.hasEnded)
})

test('7.1.4 to 7.1.6: closed cleanly it has the peer’s code, and no error; else 1006', async () => {
  const clean = await openClient()
  await clean.peer.write(unmasked(close(4000)))
  clean.peer.socket.end()
  await until('onClose is called', () => clean.told.length === 2)
  expect(clean.told[1]).toBe('close 4000')
  const unclean = await openClient()
  unclean.peer.socket.end()
  await until('onClose is called', () => unclean.told.length === 2)
  expect(unclean.told[1]).toBe('close 1006')
})

test('7.4.1: 1004 to 1006 and 1015 are never sent, nor what 7.4.2 gives to nobody', async () => {
  const { port, sockets, server } = serve()
  const client = await ask(port)
  for (const code of [999, 1004, 1006, 1015, 1016, 2999, 5000]) {
    expect(
      codeOf(() => sockets[0].close(code)),
      `${code}`
    ).toMatch(/^ERR_/)
    expect(
      codeOf(() => server.close(code)),
      `${code}`
    ).toMatch(/^ERR_/)
  }
  expect(sockets[0].readyState).toBe(1)
  // 1005 is what a peer hears of a close without a code.
  expect(codeOf(() => server.close(1005))).toMatch(/^ERR_/)
  sockets[0].close(1005)
  await until('the close comes', () => client.frames.length > 0)
  expect(client.frames).toEqual(Buffer.from([0x88, 0]))
})
