// Several small messages to each connection in one tick, each sent by itself: a game server that is
// not written to gather them.
import type { Question } from '../question.ts'

export const question: Question = {
  name: 'tcp-chatty',
  title: '8 messages of 64 bytes to each member in a tick, by 8 sends',
  role: 'fanout',
  load: 'fanout',
  variants: [{ name: '1,000 members', connections: 1000, bytes: 64, each: 8 }],
  competitors: ['C', 'net', 'net, corked', 'Bun', 'Poller', 'Epoll'],
  figure: 'cpuUs',
  columns: ['perSecond', 'p50Us', 'p99Us', 'p999Us'],
  goals: [
    { figure: 'cpuUs', to: 'C', atMost: 0.5 },
    { figure: 'cpuUs', to: 'net', atMost: 0.3 }
  ],
  inChart: true
}
