// Datagrams back and forth, from 64 sockets to one.
import type { Question } from '../question.ts'

export const question: Question = {
  name: 'udp-echo',
  title: 'one datagram in flight on each of 64 sockets, echoed',
  role: 'udp-echo',
  load: 'udp-echo',
  variants: [
    { name: '64 bytes', connections: 64, bytes: 64 },
    { name: '1,200 bytes', connections: 64, bytes: 1200, onlyInFull: true }
  ],
  competitors: ['C', 'C, one call each', 'dgram', 'Bun', 'Poller', 'Epoll'],
  figure: 'cpuUs',
  columns: ['perSecond', 'p50Us', 'p99Us', 'p999Us', 'lost'],
  goals: [
    { figure: 'cpuUs', to: 'C', atMost: 1.15 },
    { figure: 'cpuUs', to: 'dgram', atMost: 0.4 }
  ],
  inChart: true
}
