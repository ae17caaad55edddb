// Who competes, by the name of the table's row, and how each is started. The C programs and Bun are
// made ready by build.ts.
import { fileURLToPath } from 'node:url'
import { builtProgram, bunProgram } from './build.ts'
import type { Role } from './question.ts'

interface Competitor {
  program: (role: Role, nodeOptions: string[]) => string[]
  /** Options of its own, after the role. */
  options?: string[]
  /** It plays this role, whatever the question's is. */
  role?: Role
}

const inNode =
  (file: string) =>
  (_role: Role, nodeOptions: string[]): string[] => [process.execPath, ...nodeOptions, peer(file)]
/** Of those that have a program of its own for WebSockets. */
const isWebSocket = (role: Role) => role.startsWith('ws')
const poller = (role: Role, nodeOptions: string[]): string[] =>
  inNode(isWebSocket(role) ? 'poller-ws.mjs' : 'poller.mjs')(role, nodeOptions)
const inC = (role: Role): string[] => [builtProgram(role.startsWith('udp') ? 'c-udp' : 'c-tcp')]

export const competitors: Record<string, Competitor> = {
  C: { program: inC },
  'C without a codec': { program: inC, role: 'echo' },
  'C, sends together': { program: inC, options: ['--ring', 'sends'] },
  'C, one call each': { program: inC, options: ['--batch', '1'] },
  net: { program: inNode('net.mjs') },
  'net, corked': { program: inNode('net.mjs'), options: ['--cork'] },
  'http over net': { program: inNode('http.mjs') },
  'http over serve()': { program: inNode('http.mjs'), options: ['--serve'] },
  'Express over net': { program: inNode('http.mjs'), options: ['--framework', 'express'] },
  'Express over serve()': {
    program: inNode('http.mjs'),
    options: ['--framework', 'express', '--serve']
  },
  'Fastify over net': { program: inNode('http.mjs'), options: ['--framework', 'fastify'] },
  'Fastify over serve()': {
    program: inNode('http.mjs'),
    options: ['--framework', 'fastify', '--serve']
  },
  dgram: { program: inNode('dgram.mjs') },
  Bun: { program: (role) => [bunProgram(), peer(isWebSocket(role) ? 'bun-ws.mjs' : 'bun.mjs')] },
  ws: { program: inNode('ws.mjs') },
  'uWebSockets.js': { program: inNode('uws.mjs') },
  Poller: { program: poller },
  'Poller, one call each': { program: poller, options: ['--batch-calls', 'never'] },
  'Poller run()': { program: poller, options: ['--run'] },
  'tcp-broadcast': { program: poller, role: 'fanout' },
  Epoll: { program: inNode('epoll.mjs') },
  runLoop: { program: inNode('poller-tick.mjs'), options: ['--loop', 'run-loop'] },
  'runLoop + spinMs 0.2': {
    program: inNode('poller-tick.mjs'),
    options: ['--loop', 'run-loop', '--spin-ms', '0.2']
  },
  'runLoop + spinMs 1': {
    program: inNode('poller-tick.mjs'),
    options: ['--loop', 'run-loop', '--spin-ms', '1']
  },
  'runLoop, exclusive': { program: inNode('poller-tick.mjs'), options: ['--loop', 'exclusive'] },
  'net + setInterval': { program: inNode('net-tick.mjs'), options: ['--loop', 'set-interval'] },
  'net + setImmediate': { program: inNode('net-tick.mjs'), options: ['--loop', 'set-immediate'] }
}

/**
 * Enters the same competitor once more, under the Node whose program that is, as `net, Node 26`;
 * gives that name. Nothing for one that Node does not run.
 */
export function enterUnderNode(name: string, line: string, node: string): string[] {
  const { program } = competitors[name]
  if (program('echo', [])[0] !== process.execPath) return []
  const entered = `${name}, Node ${line}`
  competitors[entered] = {
    ...competitors[name],
    program: (role, nodeOptions) => [node, ...program(role, nodeOptions).slice(1)]
  }
  return [entered]
}

function peer(file: string): string {
  return fileURLToPath(new URL(`peers/${file}`, import.meta.url))
}
