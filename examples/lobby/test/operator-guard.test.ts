// The operators' port is for operators: nobody without the token, no page of another site, and no
// name that was made to lead here.
import http from 'node:http'
import { expect, test } from 'vitest'
import { readSettings } from '../server/settings.ts'
import { BEARER, MadeUpServer, openDoor, TOKEN } from './operator-door.ts'

interface Answer {
  status: number
  headers: http.IncomingHttpHeaders
  body: string
}

/** Not fetch(), which sets `Host` and `Origin` itself. */
function ask(port: number, path: string, headers: Record<string, string> = {}, method = 'GET') {
  return new Promise<Answer>((resolve, reject) => {
    const where = { port, host: '127.0.0.1', path, method, headers, agent: false }
    http
      .request(where, (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (text) => {
          body += text
        })
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body })
        )
      })
      .on('error', reject)
      .end()
  })
}

test('without the token there are two health checks, and nothing else', async () => {
  const { port } = openDoor(new MadeUpServer())
  expect(await ask(port, '/healthz')).toMatchObject({ status: 200 })
  for (const path of ['/', '/figures', '/rooms', '/metrics', '/monitor.js', '/nothing']) {
    const answer = await ask(port, path)
    expect(answer.status, path).toBe(401)
    expect(answer.headers['www-authenticate']).toMatch('Bearer')
  }
  for (const wrong of ['x', `${TOKEN}x`, TOKEN.slice(1), TOKEN.toUpperCase(), '']) {
    expect((await ask(port, '/figures', { authorization: `Bearer ${wrong}` })).status).toBe(401)
    expect((await ask(port, `/?token=${wrong}`)).status).toBe(401)
  }
  expect((await ask(port, '/figures', BEARER)).status).toBe(200)
})

test('a browser comes once with the token, and then by a cookie that scripts do not see', async () => {
  const { port } = openDoor(new MadeUpServer())
  const first = await ask(port, `/?token=${TOKEN}`)
  expect(first).toMatchObject({ status: 303, headers: { location: '/' } })
  for (const path of ['//evil.example/', '///evil.example/', '/\\\\evil.example/'])
    expect((await ask(port, `${path}?token=${TOKEN}`)).headers.location).toBe('/evil.example/')
  const [cookie] = first.headers['set-cookie'] ?? []
  expect(cookie).toMatch(/; HttpOnly; SameSite=Strict$/)
  const [pair] = cookie.split(';')
  expect((await ask(port, '/', { cookie: `other=1; ${pair}` })).status).toBe(200)
  expect((await ask(port, '/', { cookie: `${pair}x` })).status).toBe(401)
})

test('each token that the setting takes works in a browser', async () => {
  for (const token of ['Zm9vYmFyYmF6cXV4==', 'ab+cd/ef+gh/ijkl', 'a.b_c~d-e.f_g~h-i']) {
    expect(() => readSettings({ 'operator-token': token }, {})).not.toThrow()
    const { port } = openDoor(new MadeUpServer(), {}, 0, token)
    const first = await ask(port, `/?token=${token}`)
    expect(first.status, token).toBe(303)
    const [cookie] = first.headers['set-cookie']?.[0].split(';') ?? []
    expect((await ask(port, '/', { cookie })).status, token).toBe(200)
    expect((await ask(port, '/', { cookie: cookie.slice(0, -1) })).status).toBe(401)
  }
})

test('what changes something comes from the page itself, or from a program with the token', async () => {
  const { port } = openDoor(new MadeUpServer())
  const cookie = `lobby-operator=${TOKEN}`
  const foreign: Record<string, string>[] = [
    {},
    { origin: 'https://evil.example' },
    { origin: `http://127.0.0.1:${port + 1}` },
    { origin: 'null' }
  ]
  for (const headers of foreign)
    expect((await ask(port, '/rooms', { cookie, ...headers }, 'POST')).status).toBe(403)
  // The guard lets these through; what is behind it may still refuse the method.
  const own = { cookie, origin: `http://127.0.0.1:${port}` }
  for (const headers of [own, BEARER])
    expect([401, 403]).not.toContain((await ask(port, '/rooms', headers, 'POST')).status)
})

test.each([
  ['evil.example', 421],
  ['evil.example:5961', 421],
  ['127.0.0.1.evil.example', 421],
  ['localhost', 200],
  ['LOCALHOST:5961', 200],
  ['192.0.2.1:5961', 200],
  ['[::1]:5961', 200]
])('as %s the server answers %i', async (host, status) => {
  const { port } = openDoor(new MadeUpServer())
  expect((await ask(port, '/figures', { ...BEARER, host })).status).toBe(status)
})
