// Whether a server at full speed stops to collect garbage, and whether its heap grows: what Node's
// --trace-gc tells.
import type { Question } from '../question.ts'

export const question: Question = {
  name: 'garbage',
  title: 'the garbage of tcp-echo at full speed',
  role: 'echo',
  load: 'echo',
  variants: [{ name: '50 connections', connections: 50, bytes: 64 }],
  competitors: ['net', 'Poller'],
  figure: 'longestMajorMs',
  columns: ['majorCollections', 'heapMb', 'heapGrowthMb', 'perSecond', 'p99Us', 'p999Us'],
  goals: [
    { figure: 'longestMajorMs', atMost: 5 },
    { figure: 'heapGrowthMb', atMost: 1 }
  ],
  full: { rounds: 1, warmUpSeconds: 1, seconds: 60 },
  quick: { rounds: 1, warmUpSeconds: 0.5, seconds: 5 },
  nodeOptions: ['--trace-gc']
}
