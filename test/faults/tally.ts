// How many faults were survived, by kind: tests add to it, run.mjs gathers it from all of their
// processes.
import { appendFileSync, readFileSync } from 'node:fs'
import type { Row } from '../../scripts/figures.ts'

const file = process.env.POLLPORT_FAULTS_TALLY

/**
 * Adds to a row of the table "Faults". Called after all that must hold was asserted. Beside
 * `npm run test:faults`, nobody counts.
 */
export function survived(kind: string, count: number): void {
  if (file !== undefined) appendFileSync(file, `${JSON.stringify([kind, count])}\n`)
}

/** The sums of what a run has left in its file, by kind. */
export function tallied(path: string): Row[] {
  const sums = new Map<string, number>()
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    if (line === '') continue
    const [kind, count] = JSON.parse(line) as [string, number]
    sums.set(kind, (sums.get(kind) ?? 0) + count)
  }
  return [...sums].sort(([one], [other]) => one.localeCompare(other))
}
