// Counts what a process holds of the system, descriptors or handles: the one place that knows where
// a system shows them.
import { readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { loaded } from '../../lib/binding/load.ts'

/**
 * How many a process holds. On Linux the one that reads the folder is among them, for this process,
 * each time.
 */
export function countDescriptors(pid: number = process.pid): number {
  return loaded?.handleCount?.(pid) ?? readdirSync(`/proc/${pid}/fd`).length
}

/**
 * Waits until no more than `count` are held, and gives the number at last: ending threads close
 * theirs a moment after they have said so.
 */
export async function descriptorsBackAt(
  count: number,
  pid: number = process.pid,
  deadlineMs = 5_000
): Promise<number> {
  const end = performance.now() + deadlineMs
  while (countDescriptors(pid) > count && performance.now() < end) await delay(10)
  return countDescriptors(pid)
}
