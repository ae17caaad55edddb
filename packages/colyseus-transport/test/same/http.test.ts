// Requests on the port of the WebSockets: the framework's routes, the program's, and upgrades that
// are not right.
import { ask, statuses, upgradeRequest } from '../support/raw-socket.ts'
import { same } from '../support/same.ts'
import type { Serving } from '../support/serving.ts'

const at = ({ port }: Serving, path: string) => `http://127.0.0.1:${port}${path}`

async function answer(request: Promise<Response>) {
  const response = await request
  const text = await response.text()
  return `${response.status} ${text}`
}

const post = (body: string): RequestInit => ({
  method: 'POST',
  body,
  headers: { 'content-type': 'application/json' }
})

same('matchmaking answers with a seat, and with the headers that a page of elsewhere needs', {
  async run(serving) {
    const response = await fetch(at(serving, '/matchmake/joinOrCreate/game'), {
      ...post('{}'),
      headers: { origin: 'https://game.example', 'content-type': 'application/json' }
    })
    const seat = (await response.json()) as Record<string, unknown>
    return {
      status: response.status,
      origin: response.headers.get('access-control-allow-origin'),
      seat: Object.keys(seat).sort()
    }
  },
  sees: {
    status: 200,
    origin: 'https://game.example',
    seat: ['name', 'processId', 'roomId', 'sessionId']
  }
})

same('matchmaking refuses what it does not know', {
  async run(serving) {
    const send = async (path: string, body: string) =>
      (await fetch(at(serving, path), post(body))).status
    return [
      await send('/matchmake/join/nothing', '{}'),
      await send('/matchmake/dance/game', '{}'),
      await send('/matchmake/joinOrCreate/game', '{ no JSON')
    ]
  },
  sees: [520, 520, 400]
})

same('a preflight is answered', {
  run: async (serving) =>
    (await fetch(at(serving, '/matchmake/join/game'), { method: 'OPTIONS' })).status,
  sees: 204
})

same("the framework's own pages are there, and no others", {
  async run(serving) {
    return [
      await answer(fetch(at(serving, '/'))),
      await answer(fetch(at(serving, '/__healthcheck'))),
      (await fetch(at(serving, '/elsewhere'))).status
    ]
  },
  sees: ['200 Colyseus 0.18.17', '200 OK', 404]
})

same('an Express app answers beside matchmaking', {
  settings: { express: true },
  async run(serving) {
    const { status } = await fetch(at(serving, '/matchmake/joinOrCreate/game'), post('{}'))
    return [await answer(fetch(at(serving, '/express'))), status]
  },
  sees: ['200 from express', 200]
})

same("the framework's router answers beside matchmaking", {
  settings: { router: true },
  async run(serving) {
    const { status } = await fetch(at(serving, '/matchmake/joinOrCreate/game'), post('{}'))
    return [await answer(fetch(at(serving, '/hello/ann'))), status]
  },
  sees: ['200 {"hello":"ann"}', 200]
})

same('a large body comes whole, both ways', {
  settings: { router: true },
  async run(serving) {
    const name = 'n'.repeat(5000)
    return (await answer(fetch(at(serving, `/hello/${name}`)))).length
  },
  sees: '200 {"hello":""}'.length + 5000
})

same('a connection that http has answered on becomes a WebSocket', {
  async run({ port }) {
    const get = 'GET /__healthcheck HTTP/1.1\r\nHost: localhost\r\n\r\n'
    return statuses(await ask(port, [get, get, upgradeRequest('/')], 3))
  },
  sees: [200, 200, 101]
})

same('a request for another protocol, or without a key, is refused', {
  async run({ port }) {
    const refused = async (headers: Record<string, string | undefined>) =>
      statuses(await ask(port, [upgradeRequest('/', headers)]))
    return [
      await refused({ Upgrade: 'h2c' }),
      await refused({ 'Sec-WebSocket-Key': undefined }),
      await refused({ 'Sec-WebSocket-Key': 'short' })
    ]
  },
  sees: [[400], [400], [400]]
})

same('a request for another version is refused, with the one that there is', {
  async run({ port }) {
    const text = await ask(port, [upgradeRequest('/', { 'Sec-WebSocket-Version': '7' })])
    return [...statuses(text), /^sec-websocket-version: (.*)\r$/im.exec(text)?.[1]]
  },
  sees: [426, '13'],
  byDefault: {
    sees: [400, '13, 8'],
    because: 'ws answers with 400, where RFC 6455, 4.4 has 426, and speaks the draft 8, too'
  }
})
