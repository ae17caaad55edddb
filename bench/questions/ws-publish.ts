// One small WebSocket message to everybody: encoded once, and then as cheap as a broadcast of plain
// bytes.
import type { Question } from '../question.ts'

export const question: Question = {
  name: 'ws-publish',
  title: 'one WebSocket message of 64 bytes to each subscriber in a tick',
  role: 'ws-publish',
  load: 'fanout',
  variants: [
    { name: '1,000 subscribers', connections: 1000, bytes: 64 },
    { name: '10,000 subscribers', connections: 10_000, bytes: 64, onlyInFull: true }
  ],
  competitors: ['ws', 'Bun', 'uWebSockets.js', 'tcp-broadcast', 'Poller'],
  figure: 'cpuUs',
  columns: ['perSecond', 'p50Us', 'p99Us', 'p999Us'],
  goals: [
    { figure: 'cpuUs', to: 'tcp-broadcast', atMost: 1.05 },
    { figure: 'cpuUs', to: 'Bun', atMost: 1 },
    { figure: 'cpuUs', to: 'uWebSockets.js', atMost: 1 },
    { figure: 'cpuUs', to: 'ws', atMost: 1 }
  ],
  full: { rounds: 5, warmUpSeconds: 0.7, seconds: 1.2 },
  quick: { rounds: 2, warmUpSeconds: 0.5, seconds: 0.4 }
}
