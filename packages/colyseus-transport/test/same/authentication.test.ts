// Who is let in: by the http request, by the WebSocket, before it is one.
import { ask, exchange, statuses, upgradeRequest } from '../support/raw-socket.ts'
import { same } from '../support/same.ts'
import { message } from '../support/serving.ts'

const refused = ({ code, message: reason }: { code: number; message: string }) =>
  `${code} ${reason}`

same('onAuth of a room has the token, the address and the headers', {
  async run(serving) {
    const client = serving.client()
    client.auth.token = 'member'
    const room = await client.joinOrCreate('club')
    const auth = await message(room, 'auth')
    return { auth, saw: await serving.heard('auth') }
  },
  sees: { auth: { who: true }, saw: 'member 127.0.0.1 -' }
})

same('behind a proxy the address is the one that the proxy names', {
  settings: { beforeUpgrade: true },
  async run(serving) {
    const request = upgradeRequest('/a/b?sessionId=c&_authToken=t', {
      'X-Forwarded-For': '203.0.113.7, 198.51.100.1'
    })
    await ask(serving.port, [request], 1)
    return serving.heard('upgrade')
  },
  sees: '3 203.0.113.7 t'
})

same('onAuth of a room refuses', {
  run: (serving) =>
    serving
      .client()
      .joinOrCreate('club')
      .then(() => 'joined', refused),
  sees: '4215 members only'
})

same('the static onAuth admits and refuses, on the http request', {
  async run(serving) {
    const stranger = await serving
      .client()
      .joinOrCreate('office')
      .then(() => 'joined', refused)
    const client = serving.client()
    client.auth.token = 'staff'
    const room = await client.joinOrCreate('office')
    return { stranger, auth: await message(room, 'auth') }
  },
  sees: { stranger: '401 staff only', auth: { token: 'staff' } }
})

same('beforeUpgrade answers in place of the upgrade, with a status, fields and a body', {
  settings: { beforeUpgrade: true },
  async run({ port }) {
    const text = await ask(port, [upgradeRequest('/a/b?sessionId=c&banned')])
    const [head, body] = text.split('\r\n\r\n')
    const fields = head
      ?.split('\r\n')
      .slice(1)
      .map((line) => line.toLowerCase())
      .sort()
    return { status: statuses(text), fields, body }
  },
  sees: {
    status: [418],
    fields: [
      'connection: close',
      'content-length: 7',
      'content-type: text/plain;charset=utf-8',
      'x-reason: banned'
    ],
    body: 'not you'
  }
})

same('beforeUpgrade that throws is 500; a Host that is none is 400', {
  settings: { beforeUpgrade: true },
  async run({ port }) {
    return [
      statuses(await ask(port, [upgradeRequest('/a/b?broken')])),
      statuses(await ask(port, [upgradeRequest('/a/b', { Host: 'no host' })]))
    ]
  },
  sees: [[500], [400]]
})

same('beforeUpgrade that admits loses no byte of what the client sends meanwhile', {
  settings: { beforeUpgrade: true },
  async run(serving) {
    const ended = await exchange(serving.port, '/', Uint8Array.of(1))
    const room = await serving.client().joinOrCreate('game', { name: 'ann' })
    return { ...ended, welcome: await message(room, 'welcome') }
  },
  sees: { messages: ['12'], code: 1000, welcome: { name: 'ann' } }
})
