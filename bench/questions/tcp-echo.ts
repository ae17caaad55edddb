// Small messages back and forth: what one costs, and whether that grows with the connections.
import type { Question } from '../question.ts'

export const question: Question = {
  name: 'tcp-echo',
  title: 'one 64-byte message in flight on each connection, echoed',
  role: 'echo',
  load: 'echo',
  variants: [
    { name: '50 connections', connections: 50, bytes: 64 },
    { name: '1,000 connections', connections: 1000, bytes: 64 },
    { name: '10,000 connections', connections: 10_000, bytes: 64, onlyInFull: true }
  ],
  competitors: ['C', 'C, sends together', 'net', 'Bun', 'Poller', 'Poller, one call each', 'Epoll'],
  figure: 'cpuUs',
  columns: ['perSecond', 'p50Us', 'p99Us', 'p999Us'],
  goals: [
    { figure: 'cpuUs', to: 'C', atMost: 1.05 },
    { figure: 'cpuUs', to: 'net', atMost: 0.6 },
    { figure: 'cpuUs', to: 'Bun', atMost: 1 }
  ],
  inChart: true
}
