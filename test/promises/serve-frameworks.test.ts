// Express, Fastify and socket.io, unchanged, on servers of serve(): what each does under listen()
// it does there.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import express from 'express'
import fastify from 'fastify'
import { Server as SocketServer } from 'socket.io'
import { io } from 'socket.io-client'
import { describe, expect, onTestFinished, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'
import { type Listen, listenByNode, listenByServe, portOf } from '../support/served.ts'

/** Answers of a server, by path; the connections are closed. */
async function answersOf(server: Server, requests: Record<string, RequestInit>) {
  const port = await portOf(server)
  const answers: unknown[] = []
  for (const [path, init] of Object.entries(requests)) {
    const response = await fetch(`http://${LOCAL}:${port}${path}`, init)
    const text = await response.text()
    answers.push([path, response.status, response.headers.get('content-type'), text])
  }
  server.closeAllConnections()
  return answers
}

const json = (value: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value)
})
const text = 'pollport '.repeat(100_000)

const programs: Record<string, (listen: Listen) => Promise<unknown>> = {
  'Express: routes, bodies, files, errors': async (listen) => {
    const app = express()
    app.use(express.json({ limit: '2mb' }))
    app.get('/hello', ({ ip, protocol }, response) => void response.send(`${ip} ${protocol}`))
    app.post(
      '/body',
      (request, response) => void response.json({ length: request.body.text.length })
    )
    app.get('/file', (_request, response) => response.sendFile('package.json', { root: '.' }))
    app.get('/large', (_request, response) => void response.send(text))
    app.get('/broken', () => {
      throw Object.assign(new Error('mine'), { status: 418 })
    })
    app.use(((error, _request, response, _next) => {
      response.status(error.status).send(error.message)
    }) as express.ErrorRequestHandler)
    const server = createServer(app)
    listen(server)
    const answers = await answersOf(server, {
      '/hello': {},
      '/body': json({ text }),
      '/file': {},
      '/large': {},
      '/broken': {},
      '/nothing': {}
    })
    const closing = once(server, 'close')
    server.close()
    await closing
    return answers
  },

  'Fastify: routes, schemas, hooks, close()': async (listen) => {
    const app = fastify({ forceCloseConnections: true })
    const hooks: string[] = []
    app.addHook('onRequest', async () => void hooks.push('onRequest'))
    app.addHook('onResponse', async () => void hooks.push('onResponse'))
    app.addHook('onClose', async () => void hooks.push('onClose'))
    app.get('/hello', async ({ ip }) => ({ ip }))
    app.get('/large', async () => text)
    const body = { type: 'object', required: ['n'], properties: { n: { type: 'number' } } }
    app.post<{ Body: { n: number } }>('/double', { schema: { body } }, async (request) => ({
      n: request.body.n * 2
    }))
    await app.ready()
    listen(app.server)
    const answers = await answersOf(app.server, {
      '/hello': {},
      '/large': {},
      '/double': json({ n: 21 }),
      '/double?wrong': json({ n: 'x' }),
      '/nothing': {}
    })
    await app.close()
    return [answers, hooks, app.server.listening]
  },

  'socket.io: polling, the upgrade to a WebSocket, rooms, acknowledgements, close()': async (
    listen
  ) => {
    const server = createServer()
    const sockets = new SocketServer(server)
    const seen: unknown[] = []
    sockets.on('connection', (socket) => {
      void socket.join('room')
      seen.push(socket.handshake.address)
      socket.on('double', (n: number, acknowledge: (n: number) => void) => acknowledge(n * 2))
      socket.on('bytes', (bytes: Buffer) => void sockets.to('room').emit('bytes', bytes))
    })
    listen(server)
    const client = io(`http://${LOCAL}:${await portOf(server)}`, { reconnection: false })
    onTestFinished(() => void client.close())
    await new Promise<void>((resolve) => client.once('connect', resolve))
    const { engine } = client.io
    if (engine.transport.name !== 'websocket')
      await new Promise((resolve) => engine.once('upgrade', resolve))
    seen.push(engine.transport.name, await client.emitWithAck('double', 21))
    const bytes = new Promise<Uint8Array>((resolve) => client.once('bytes', resolve))
    client.emit('bytes', Buffer.alloc(100_000, 'x'))
    seen.push((await bytes).length)
    const leaving = new Promise((resolve) => client.once('disconnect', resolve))
    await sockets.close()
    seen.push(await leaving, server.listening)
    return seen
  }
}

describe('as with listen()', () => {
  for (const [name, program] of Object.entries(programs)) {
    test(name, async () => {
      const byNode = await program(listenByNode)
      expect(byNode).toBeDefined()
      expect(await program(listenByServe())).toEqual(byNode)
    })
  }
})
