// Counts the descriptors that a process holds: the one place that knows where a system shows them.
import { existsSync, readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** Whether this system shows a process's descriptors as files. */
export const canCountDescriptors = existsSync('/proc/self/fd')

/** How many descriptors a process holds. For this process the one that reads the folder is among them, each time. */
export function countDescriptors(pid: number = process.pid): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** Waits until no more than `count` are held, and gives the number at last: ending threads close theirs a moment after they have said so. */
export async function descriptorsBackAt(count: number, pid: number = process.pid, deadlineMs = 5_000): Promise<number> {
  const end = performance.now() + deadlineMs
  while (countDescriptors(pid) > count && performance.now() < end) await delay(10)
  return countDescriptors(pid)
}
