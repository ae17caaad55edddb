// How exactly the ticks of a busy server come: it echoes 10,000 messages a second, and sends a
// state of 64 bytes to everybody at each tick.
import type { Question } from '../question.ts'

export const question: Question = {
  name: 'tick',
  title:
    'how late ticks are under 1,000 clients: 10,000 echoes a second, and a state to everybody at each tick',
  role: 'tick',
  load: 'rate',
  variants: [
    { name: '60 Hz', connections: 1000, bytes: 64, rate: 10_000, hz: 60 },
    { name: '128 Hz', connections: 1000, bytes: 64, rate: 10_000, hz: 128, onlyInFull: true }
  ],
  competitors: [
    'C',
    'runLoop',
    'runLoop + spinMs 0.2',
    'runLoop + spinMs 1',
    'runLoop, exclusive',
    'net + setInterval',
    'net + setImmediate'
  ],
  figure: 'lateP99Ms',
  columns: ['lateP50Ms', 'lateMaxMs', 'missed', 'cpuShare', 'p50Us', 'p99Us', 'p999Us'],
  goals: [
    { figure: 'lateP99Ms', of: 'runLoop', atMost: 0.2 },
    { figure: 'missed', of: 'runLoop', atMost: 0 }
  ],
  full: { rounds: 3, warmUpSeconds: 2, seconds: 6 },
  quick: { rounds: 1, warmUpSeconds: 1.2, seconds: 2 }
}
