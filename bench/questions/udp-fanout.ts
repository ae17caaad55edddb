// One datagram to everybody in a tick.
import type { Question } from '../question.ts'

export const question: Question = {
  name: 'udp-fanout',
  title: 'one datagram of 64 bytes to each peer in a tick',
  role: 'udp-fanout',
  load: 'udp-fanout',
  variants: [{ name: '1,000 peers', connections: 1000, bytes: 64 }],
  competitors: ['C', 'C, sends together', 'C, one call each', 'dgram', 'Bun', 'Poller', 'Epoll'],
  figure: 'cpuUs',
  columns: ['perSecond', 'p50Us', 'p99Us', 'p999Us', 'lost'],
  goals: [
    { figure: 'cpuUs', to: 'C', atMost: 1.15 },
    { figure: 'cpuUs', to: 'dgram', atMost: 0.55 }
  ],
  inChart: true
}
