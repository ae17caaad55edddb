// What a WebSocket that says nothing costs in memory. The first thousand are not counted, as in
// idle-memory.
import type { Question } from '../question.ts'

export const question: Question = {
  name: 'ws-idle-memory',
  title: 'growth of the resident memory, for each WebSocket after the first 1,000',
  role: 'ws-echo',
  load: 'idle',
  variants: [{ name: '15,000 connections', connections: 15_000, bytes: 64 }],
  competitors: ['ws', 'Bun', 'uWebSockets.js', 'Poller', 'Poller run()'],
  figure: 'residentBytes',
  columns: [],
  goals: [{ figure: 'residentBytes', atMost: 1000 }],
  full: { rounds: 3, warmUpSeconds: 0, seconds: 0.1 },
  quick: { rounds: 1, warmUpSeconds: 0, seconds: 0.1 }
}
