// What a request costs when Node's http server has its connections from a Poller, and not from net.
import type { Question } from '../question.ts'

export const question: Question = {
  name: 'http',
  title: "one request in flight on each connection, answered with five bytes by Node's http server",
  role: 'http',
  load: 'http',
  variants: [
    { name: '50 connections', connections: 50, bytes: 0 },
    { name: '1 connection', connections: 1, bytes: 0, onlyInFull: true },
    { name: '1,000 connections', connections: 1000, bytes: 0, onlyInFull: true }
  ],
  competitors: ['http over net', 'http over toDuplex'],
  figure: 'cpuUs',
  columns: ['perSecond', 'p50Us', 'p99Us', 'p999Us'],
  goals: [
    {
      figure: 'cpuUs',
      of: 'http over toDuplex',
      to: 'http over net',
      atMost: 0.65,
      variants: ['50 connections', '1,000 connections']
    }
  ],
  full: { rounds: 5, warmUpSeconds: 1.5, seconds: 2 },
  quick: { rounds: 2, warmUpSeconds: 1, seconds: 1 }
}
