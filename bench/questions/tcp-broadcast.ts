// One small message to everybody: mostly the kernel's own work.
import type { Question } from '../question.ts'

export const question: Question = {
  name: 'tcp-broadcast',
  title: 'one message of 64 bytes to each member in a tick',
  role: 'fanout',
  load: 'fanout',
  variants: [
    { name: '100 members', connections: 100, bytes: 64, onlyInFull: true },
    { name: '1,000 members', connections: 1000, bytes: 64 },
    { name: '10,000 members', connections: 10_000, bytes: 64, onlyInFull: true }
  ],
  competitors: ['C', 'C, sends together', 'net', 'Bun', 'Poller', 'Poller, one call each', 'Epoll'],
  figure: 'cpuUs',
  columns: ['perSecond', 'p50Us', 'p99Us', 'p999Us'],
  goals: [
    { figure: 'cpuUs', to: 'C', atMost: 1.05 },
    { figure: 'cpuUs', to: 'net', atMost: 0.8 }
  ],
  inChart: true
}
