// The tests' server as a process of its own, as a game has it: on pollport's transport, or on the
// one that Colyseus has by default. `process.argv[2]` has the settings; what happens goes to the
// parent as text.
import { createServer as createSecureServer } from 'node:https'
import { createEndpoint, createRouter, defineRoom, defineServer, matchMaker } from '@colyseus/core'
import { RedisDriver } from '@colyseus/redis-driver'
import { RedisPresence } from '@colyseus/redis-presence'
import { WebSocketTransport } from '@colyseus/ws-transport'
import { PollportTransport } from '@pollport/colyseus-transport'
import { makeRooms } from './rooms.ts'
import type { Command, Settings } from './settings.ts'

const settings = JSON.parse(process.argv[2] ?? '{}') as Settings
const send = (words: string) => process.send?.(words)

const { transport: kind, express, router, redis, tls, beforeUpgrade, ...options } = settings
const transportOptions = {
  ...options.options,
  ...(tls && { server: createSecureServer(tls) }),
  ...(beforeUpgrade && {
    beforeUpgrade: async (request: Request, { ip, token }: { ip?: string; token?: string }) => {
      const { pathname, searchParams } = new URL(request.url)
      send(`upgrade ${pathname.split('/').length} ${ip} ${token}`)
      if (searchParams.has('banned'))
        return new Response('not you', { status: 418, headers: { 'X-Reason': 'banned' } })
      if (searchParams.has('broken')) throw new Error('beforeUpgrade is broken')
      return undefined
    }
  })
}
const transport =
  kind === 'pollport'
    ? new PollportTransport(transportOptions)
    : new WebSocketTransport(
        transportOptions as ConstructorParameters<typeof WebSocketTransport>[0]
      )

const rooms = makeRooms(send)
const server = defineServer({
  transport,
  greet: false,
  gracefullyShutdown: true,
  rooms: {
    game: defineRoom(rooms.game),
    club: defineRoom(rooms.club),
    office: defineRoom(rooms.office),
    closed: defineRoom(rooms.closed)
  },
  ...(redis !== undefined && {
    presence: new RedisPresence({ port: redis, host: '127.0.0.1' }),
    driver: new RedisDriver({ port: redis, host: '127.0.0.1' })
  }),
  ...(options.publicAddress !== undefined && { publicAddress: options.publicAddress }),
  ...(express && {
    express: (app) => {
      app.get('/express', (_request: unknown, response: { send(text: string): void }) =>
        response.send('from express')
      )
    }
  }),
  ...(router && {
    routes: createRouter({
      hello: createEndpoint('/hello/:name', { method: 'GET' }, async ({ params }) => ({
        hello: params.name
      }))
    })
  })
})

const commands: Record<Command['do'], (command: Command) => unknown> = {
  simulateLatency: ({ ms = 0 }) => server.simulateLatency(ms),
  shutDown: () => server.gracefullyShutdown(false),
  exit: () => process.exit(0),
  rooms: async () => send(`rooms ${(await matchMaker.query({})).length}`),
  server: () =>
    send(
      `server ${transport.server?.listening} ${JSON.stringify(transport.server?.address() ?? null)}`
    )
}
process.on('message', async (command: Command) => {
  await commands[command.do](command)
  send(`done ${command.do}`)
})
// The test has gone. (Not when the shutdown disconnects.)
process.on('disconnect', () => process.exit(0))

server.onShutdown(() => {
  send('shut down')
  // What is left of the transport keeps the process alive, or does not.
  process.disconnect?.()
})
try {
  await server.listen(options.port ?? 0, options.hostname ?? '127.0.0.1')
  const address = transport.server?.address() as { port: number; address: string }
  send(`listening ${address.port} ${address.address}`)
} catch (error) {
  send(`failed ${(error as { code?: string }).code}`)
}
