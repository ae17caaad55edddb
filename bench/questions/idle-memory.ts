// What a connection that says nothing costs in memory. The first thousand are not counted, nor the
// 50,000 messages that they have echoed: with them the server makes what it makes once.
import type { Question } from '../question.ts'

export const question: Question = {
  name: 'idle-memory',
  title: 'growth of the resident memory, for each connection after the first 1,000',
  role: 'echo',
  load: 'idle',
  variants: [{ name: '15,000 connections', connections: 15_000, bytes: 64 }],
  competitors: ['C', 'net', 'Bun', 'Poller', 'Epoll'],
  figure: 'residentBytes',
  columns: [],
  goals: [{ figure: 'residentBytes', atMost: 300 }],
  full: { rounds: 3, warmUpSeconds: 0, seconds: 0.1 },
  quick: { rounds: 1, warmUpSeconds: 0, seconds: 0.1 }
}
