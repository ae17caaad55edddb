// unref(): a poller that has nothing but listeners without a reference does not keep its process
// alive, by Node's loop and by a thread.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

const head = `
import http from 'node:http'
import net from 'node:net'
import { Poller, serve } from 'pollport'
const poller = new Poller()
const where = { address: '127.0.0.1', port: 0 }
const say = (code) => console.log('exit', code)
process.on('exit', say)
// Comes only if something else keeps the process alive until then.
const later = (what) => setTimeout(what, 100).unref()
const end = () => (console.log('still here'), process.exit())
`

interface Program {
  readonly code: string
  /** What it writes. */
  readonly output: string
  readonly status?: number
}

const programs: Record<string, Program> = {
  'an unreferenced listener': {
    code: 'poller.listenTcp(where).unref(); poller.run(() => {})',
    output: 'exit 0\n'
  },
  'unref() while it runs': {
    code: 'const l = poller.listenTcp(where); poller.run(() => {}); later(() => l.unref())',
    output: 'exit 0\n'
  },
  'ref() ends an unref()': {
    code: `const l = poller.listenTcp(where); l.unref(); l.unref(); l.ref(); poller.run(() => {})
      later(end)`,
    output: 'still here\nexit 0\n'
  },
  'another listener with a reference': {
    code: `poller.listenTcp(where).unref(); poller.listenTcp(where); poller.run(() => {})
      later(end)`,
    output: 'still here\nexit 0\n'
  },
  'no listener at all': {
    code: `poller.run(() => {}); later(end)`,
    output: 'still here\nexit 0\n'
  },
  'a served server that was unreferenced before it listens': {
    code: `const server = http.createServer().unref(); serve(server, poller, where)
      server.on('listening', () => console.log('listening')); poller.run(() => {})`,
    output: 'listening\nexit 0\n'
  },
  'a served server with a request under way': {
    code: `const server = http.createServer((_, response) => {
        // Only the connection keeps the process alive meanwhile.
        const timer = setInterval(() => {}, 20).unref()
        setTimeout(() => (clearInterval(timer), response.end('hello')), 100).unref()
      })
      serve(server, poller, where); server.unref(); poller.run(() => {})
      server.on('listening', () => {
        const { port } = server.address()
        const socket = net.connect(port, '127.0.0.1').unref()
        socket.write('GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n')
        socket.on('data', (data) => console.log(String(data).slice(9, 15)))
      })`,
    output: '200 OK\nexit 0\n'
  },
  'awaited: Node says that nothing can fulfil the promise': {
    // Before Node 22 the listeners of 'exit' get 0.
    code: `process.off('exit', say)
      poller.listenTcp(where).unref(); await poller.run(() => {})`,
    output: '',
    status: 13
  }
}

describe.each([
  ['by Node’s loop, where it can', {}],
  ['by a thread', { POLLPORT_RUN_BY_THREAD: '1' }]
])('%s', (_how, env) => {
  for (const [name, { code, output, status = 0 }] of Object.entries(programs)) {
    test(name, { timeout: 70_000 }, () => {
      const child = spawnSync(process.execPath, ['--input-type=module', '-e', head + code], {
        cwd: root,
        env: { ...process.env, ...env },
        encoding: 'utf8',
        timeout: 60_000
      })
      expect(child).toMatchObject({ stdout: output, status })
    })
  }
})
