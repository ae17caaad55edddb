// What a WebSocket message costs beyond the TCP message that carries it: masked frames in, frames
// out, by the whole codec of each.
import type { Goal, Question } from '../question.ts'

const small = (count: number) => `64 bytes on ${count.toLocaleString('en')} connections`
const large = (count: number) => `16 KiB on ${count.toLocaleString('en')} connections`
const LARGE_BYTES = 16 * 1024

const goals: Goal[] = [
  { figure: 'cpuUs', to: 'Bun', atMost: 1.05 },
  { figure: 'cpuUs', to: 'uWebSockets.js', atMost: 1.05 },
  { figure: 'cpuUs', to: 'ws', atMost: 0.5 }
]

export const question: Question = {
  name: 'ws-echo',
  title: 'one WebSocket message in flight on each connection, echoed',
  role: 'ws-echo',
  load: 'echo',
  variants: [
    { name: small(50), connections: 50, bytes: 64, onlyInFull: true },
    { name: small(1000), connections: 1000, bytes: 64 },
    { name: small(10_000), connections: 10_000, bytes: 64, onlyInFull: true },
    { name: large(50), connections: 50, bytes: LARGE_BYTES },
    { name: large(1000), connections: 1000, bytes: LARGE_BYTES, onlyInFull: true },
    { name: large(10_000), connections: 10_000, bytes: LARGE_BYTES, onlyInFull: true }
  ],
  competitors: ['C without a codec', 'ws', 'Bun', 'uWebSockets.js', 'Poller', 'Poller run()'],
  figure: 'cpuUs',
  columns: ['perSecond', 'mbPerSecond', 'p50Us', 'p99Us', 'p999Us'],
  goals,
  // Until the compiled code is there.
  full: { rounds: 5, warmUpSeconds: 1, seconds: 1 },
  quick: { rounds: 2, warmUpSeconds: 0.6, seconds: 0.5 }
}
