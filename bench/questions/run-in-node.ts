// What it costs to run inside Node's own loop, instead of wait().
import type { Question } from '../question.ts'

export const question: Question = {
  name: 'run-in-node',
  title:
    "one 64-byte message in flight on each connection, echoed: inside Node's own loop, and by wait()",
  role: 'echo',
  load: 'echo',
  variants: [
    { name: '1,000 connections', connections: 1000, bytes: 64 },
    { name: '1 connection', connections: 1, bytes: 64 }
  ],
  competitors: ['net', 'Poller', 'Poller run()'],
  figure: 'cpuUs',
  columns: ['perSecond', 'p50Us', 'p99Us', 'p999Us'],
  goals: [
    {
      figure: 'cpuUs',
      of: 'Poller run()',
      to: 'Poller',
      atMost: 1.2,
      variants: ['1,000 connections']
    },
    {
      figure: 'cpuUs',
      of: 'Poller run()',
      to: 'net',
      atMost: 1,
      variants: ['1 connection']
    },
    {
      figure: 'p50Us',
      of: 'Poller run()',
      to: 'net',
      atMost: 1,
      variants: ['1 connection']
    },
    {
      figure: 'p50Us',
      of: 'Poller run()',
      to: 'Poller',
      as: 'difference',
      atMost: 60,
      variants: ['1 connection']
    }
  ]
}
