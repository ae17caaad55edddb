// WebSockets that come and go.
import type { Question } from '../question.ts'

export const question: Question = {
  name: 'ws-accept',
  title: 'connect, handshake, one message of 64 bytes and its echo, closing handshake, for ever',
  role: 'ws-echo',
  load: 'accept',
  variants: [{ name: '64 at a time', connections: 64, bytes: 64 }],
  competitors: ['ws', 'Bun', 'uWebSockets.js', 'Poller', 'Poller run()'],
  figure: 'cpuUs',
  columns: ['perSecond', 'p50Us', 'p99Us', 'p999Us'],
  goals: [{ figure: 'cpuUs', to: 'ws', atMost: 0.5 }],
  full: { rounds: 5, warmUpSeconds: 1.2, seconds: 1.2 },
  quick: { rounds: 2, warmUpSeconds: 0.8, seconds: 0.5 }
}
