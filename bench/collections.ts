// Reads what Node prints with --trace-gc: how many major collections there were, how long the
// longest stopped the program, and whether the heap grows.
import { type Figures, slope } from './figures.ts'

// "[pid:0x…] 123 ms: Mark-Compact 4.6 (6.1) -> 3.9 (7.1) MB, 1.86 / 0.00 ms (+ 0.8 ms in 5 steps …,
// biggest step 0.4 ms, …": the time since the start, the heap before and after, and how long the
// program stood still, at the end and in the steps before.
const line =
  /(\d+) ms: (Scavenge|Mark-Compact).*? -> ([\d.]+) \([\d.]+\) MB, (?:pooled: [\d.]+ MB, )?([\d.]+) \/(?:.*biggest step ([\d.]+) ms)?/
// What is compiled and cached at first is no growth.
const SETTLED_SHARE = 0.25
const MS_PER_MINUTE = 60_000

export function collectionFigures(lines: string[]): Figures {
  const collections = lines.flatMap((text) => {
    const match = line.exec(text)
    if (match === null) return []
    const [, ms, kind, heapMb, lastMs, stepMs = 0] = match
    const pauseMs = Math.max(Number(lastMs), Number(stepMs))
    return [{ ms: Number(ms), isMajor: kind === 'Mark-Compact', heapMb: Number(heapMb), pauseMs }]
  })
  if (collections.length === 0) return {}
  const major = collections.filter((collection) => collection.isMajor)
  const settledMs = collections.at(-1)!.ms * SETTLED_SHARE
  const points = collections
    .filter(({ ms }) => ms >= settledMs)
    .map(({ ms, heapMb }) => ({ x: ms, y: heapMb }))
  return {
    majorCollections: major.length,
    longestMajorMs: Math.max(0, ...major.map((collection) => collection.pauseMs)),
    heapMb: collections.at(-1)!.heapMb,
    heapGrowthMb: slope(points) * MS_PER_MINUTE
  }
}
