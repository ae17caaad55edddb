// Node's http server, alone or below Express or Fastify, over its own sockets or by serve() on a
// Poller.
import { createServer } from 'node:http'
import { Poller, serve } from 'pollport'
import { absent, backlog, framework, isServed } from './arguments.mjs'

const servers = {
  async express() {
    const { default: express } = await import('express')
    const app = express()
    app.get('/', (_request, response) => response.send('hello'))
    return createServer(app)
  },
  async fastify() {
    const { default: fastify } = await import('fastify')
    const app = fastify()
    app.get('/', async () => 'hello')
    await app.ready()
    return app.server
  },
  async http() {
    return createServer((_request, response) => response.end('hello'))
  }
}

const server = await servers[framework ?? 'http']().catch(absent)
server.on('listening', () => console.log(`port ${server.address().port}`))
if (isServed) {
  const poller = new Poller()
  serve(server, poller, { address: '127.0.0.1', port: 0, backlog })
  await poller.run(() => {})
} else {
  server.listen({ host: '127.0.0.1', port: 0, backlog })
}
