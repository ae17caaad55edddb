// What a request costs when a server of Node's stands on serve(), and not on its own listen().
import type { Goal, Question } from '../question.ts'

const KEPT = ['50 connections', '500 connections']
const CLOSED = '50 connections, each for one request'

const goalsOf = (server: string): Goal[] => [
  {
    figure: 'cpuUs',
    of: `${server} over serve()`,
    to: `${server} over net`,
    atMost: 0.62,
    variants: KEPT
  },
  {
    figure: 'cpuUs',
    of: `${server} over serve()`,
    to: `${server} over net`,
    atMost: 0.55,
    variants: [CLOSED]
  }
]

export const question: Question = {
  name: 'http-hello',
  title: 'a request on each connection, answered with five bytes by a server of Node',
  role: 'http',
  load: 'http',
  variants: [
    { name: '50 connections', connections: 50, bytes: 0 },
    { name: '500 connections', connections: 500, bytes: 0, onlyInFull: true },
    { name: '50 connections, 16 requests in flight', connections: 50, bytes: 0, each: 16 },
    { name: CLOSED, connections: 50, bytes: 0, load: 'http-close' },
    { name: '1 connection', connections: 1, bytes: 0, onlyInFull: true }
  ],
  competitors: [
    'http over net',
    'http over serve()',
    'Express over net',
    'Express over serve()',
    'Fastify over net',
    'Fastify over serve()'
  ],
  figure: 'cpuUs',
  columns: ['perSecond', 'p50Us', 'p99Us', 'p999Us'],
  goals: ['http', 'Express', 'Fastify'].flatMap(goalsOf),
  full: { rounds: 5, warmUpSeconds: 1.5, seconds: 2 },
  quick: { rounds: 2, warmUpSeconds: 1, seconds: 1 }
}
