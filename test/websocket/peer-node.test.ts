// Node's own WebSocket, a client as browsers have it, where Node has one: from 22 on.
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { LOCAL, serve, until } from './serving.ts'

const reason = globalThis.WebSocket === undefined ? `Node ${process.version} has none` : undefined
if (reason !== undefined) console.log(`no WebSocket of Node's own: ${reason}`)

async function connected(port: number, protocols: string[] = []) {
  const peer = new globalThis.WebSocket(`ws://${LOCAL}:${port}/`, protocols)
  peer.binaryType = 'arraybuffer'
  await once(peer, 'open')
  return peer
}

type Closed = { code: number; reason: string; wasClean: boolean }

describe.skipIf(reason !== undefined)('Node’s own client', () => {
  test.each([
    ['without compression', {}],
    ['with compression', { compression: { thresholdBytes: 0 } }]
  ])('%s: text and bytes of all sizes come back as they were', async (_how, options) => {
    const { port } = serve({ ...options, maxMessageBytes: 2 ** 24 })
    const peer = await connected(port)
    for (const size of [0, 1, 125, 126, 65_535, 65_536, 1_000_000]) {
      const text = 'é'.repeat(size)
      peer.send(text)
      const [{ data }] = (await once(peer, 'message')) as [{ data: string }]
      expect(data === text).toBe(true)
      const bytes = Buffer.alloc(size, 'pattern')
      peer.send(bytes)
      const [answer] = (await once(peer, 'message')) as [{ data: ArrayBuffer }]
      expect(Buffer.from(answer.data).equals(bytes)).toBe(true)
    }
    peer.close()
  })

  test('the subprotocol is the server’s choice', async () => {
    const { port } = serve({ protocols: ['new', 'old'] })
    const peer = await connected(port, ['old', 'new'])
    expect(peer.protocol).toBe('new')
    peer.close()
  })

  test('its close, and ours, with code and reason', async () => {
    const { port, words, sockets } = serve()
    const first = await connected(port)
    first.close(4000, 'bye')
    const [own] = (await once(first, 'close')) as [Closed]
    expect(own.code).toBe(4000)
    await until('onClose is called', () => words.includes('close 4000 bye'))
    const second = await connected(port)
    sockets[1].close(4001, 'enough')
    const [ours] = (await once(second, 'close')) as [Closed]
    expect(ours).toMatchObject({ code: 4001, reason: 'enough', wasClean: true })
    await until('onClose is called', () => words.some((word) => word.startsWith('close 4001')))
  })

  test('a limit that it breaks is a close with that code', async () => {
    const { port } = serve({ maxMessageBytes: 10 })
    const peer = await connected(port)
    peer.send('more than ten')
    const [closed] = (await once(peer, 'close')) as [Closed]
    expect(closed.code).toBe(1009)
  })

  test('a refusal is its error', async () => {
    const { port, words } = serve({ onUpgrade: () => ({ reject: 403 }) })
    const peer = new globalThis.WebSocket(`ws://${LOCAL}:${port}/`)
    await once(peer, 'error')
    expect(words).toEqual(['error 403'])
  })

  test('pings are answered', async () => {
    const { port, words, sockets } = serve()
    const peer = await connected(port)
    sockets[0].ping('there?')
    await until('the pong comes', () => words.includes('pong there?'))
    peer.close()
  })
})
