// The sizes in which messages are echoed, taken and given: what is received, read and sent together
// must not grow out of the processor's caches.
import type { Goal, Question, Variant } from './question.ts'

const sizesKib = [1, 4, 16, 64]
const connections = [8, 50, 1000]
/** What the quick form measures: where a batch that holds too much shows first. */
const quick = ['16 KiB on 50 connections', '64 KiB on 8 connections']

const variants: Variant[] = sizesKib.flatMap((kib) =>
  connections.map((count) => {
    const name = `${kib} KiB on ${count.toLocaleString('en')} connections`
    return { name, connections: count, bytes: kib * 1024, onlyInFull: !quick.includes(name) }
  })
)
const goals: Goal[] = [{ figure: 'cpuUs', to: 'C', atMost: 1.15 }]

/** What the benchmarks of all sizes have in common. */
export const ofAllSizes = {
  variants,
  competitors: ['C', 'Poller'],
  figure: 'cpuUs',
  columns: ['mbPerSecond', 'p50Us', 'p99Us', 'p999Us'],
  goals,
  // Until the compiled code is there: shorter, and what was measured was Node's start.
  full: { rounds: 5, warmUpSeconds: 1, seconds: 1 }
} satisfies Partial<Question>
