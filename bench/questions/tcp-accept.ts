// Connections that come and go.
import type { Question } from '../question.ts'

export const question: Question = {
  name: 'tcp-accept',
  title: 'connect, one message of 64 bytes and its echo, close, for ever',
  role: 'echo',
  load: 'accept',
  variants: [{ name: '64 at a time', connections: 64, bytes: 64 }],
  competitors: ['C', 'net', 'Bun', 'Poller', 'Epoll'],
  figure: 'cpuUs',
  columns: ['perSecond', 'p50Us', 'p99Us', 'p999Us'],
  goals: [
    { figure: 'cpuUs', to: 'C', atMost: 1.25 },
    { figure: 'cpuUs', to: 'net', atMost: 0.5 }
  ],
  inChart: true
}
