// Large messages back and forth: how many bytes a second get through.
import type { Question } from '../question.ts'

export const question: Question = {
  name: 'tcp-transfer',
  title: 'one large message in flight on each connection, echoed',
  role: 'echo',
  load: 'echo',
  variants: [
    { name: '16 KiB on 50 connections', connections: 50, bytes: 16 * 1024 },
    { name: '1 MiB on 8 connections', connections: 8, bytes: 1024 * 1024, onlyInFull: true }
  ],
  competitors: ['C', 'net', 'Bun', 'Poller'],
  figure: 'mbPerSecond',
  columns: ['cpuUs', 'perSecond', 'p50Us', 'p99Us', 'p999Us'],
  goals: [{ figure: 'mbPerSecond', to: 'C', atLeast: 0.95 }]
}
