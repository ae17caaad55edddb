// Memory that the kernel copies into and out of, placed where that copy is fast. Refuses to know what lies in it.
import { addon } from './binding/load.ts'

const PAGE_BYTES = 4096

/**
 * Uninitialized bytes of their own that begin where a page of memory begins.
 *
 * The kernel copies by one instruction, `rep movsb`, and what it keeps for a connection usually begins a page. On AMD's Zen 3 and 4 that instruction
 * is up to twenty times slower when the target lies a few bytes further into its page than the source (glibc's bug 30994), and that is where large
 * blocks of malloc() lie: 16 bytes into a page.
 */
export function pageAligned(byteLength: number): Buffer {
  const memory = Buffer.allocUnsafeSlow(byteLength + PAGE_BYTES)
  const begin = (PAGE_BYTES - addon().pageOffset(memory)) % PAGE_BYTES
  return memory.subarray(begin, begin + byteLength)
}
