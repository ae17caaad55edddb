// Whether connections that say nothing make the others dearer: the same messages, among more and
// more connections.
import type { Question } from '../question.ts'

const load = { bytes: 64, rate: 20_000, active: 100 }

export const question: Question = {
  name: 'cost-with-size',
  title: '20,000 messages a second from 100 connections, echoed, and the other connections idle',
  role: 'echo',
  load: 'rate',
  variants: [
    { name: '100 connections', connections: 100, ...load },
    { name: '1,000 connections', connections: 1000, ...load, onlyInFull: true },
    { name: '19,000 connections', connections: 19_000, ...load }
  ],
  competitors: ['C', 'net', 'Poller'],
  figure: 'cpuUs',
  columns: ['perSecond', 'p50Us', 'p99Us', 'p999Us'],
  goals: [
    {
      figure: 'cpuUs',
      toVariant: '100 connections',
      atMost: 1.15,
      variants: ['19,000 connections']
    }
  ],
  quick: { rounds: 1 }
}
