// Memory that the kernel copies into and out of, placed where that copy is fast. Refuses to know
// what lies in it.
import { loaded } from './binding/load.ts'

const PAGE_BYTES = 4096
/** How far into a page of memory {@link midPage}'s bytes begin. */
export const MID_PAGE = PAGE_BYTES / 2

/**
 * Uninitialized bytes of their own that begin in the middle of a page.
 *
 * The kernel copies by one instruction, `rep movsb`. On AMD's Zen 3 and 4 that is up to twenty
 * times slower when the target lies a few bytes further into its page than the source (glibc's bug
 * 30994). Large blocks of malloc() begin 16 bytes into a page, and the kernel's own copies of large
 * messages often at its beginning. From the middle both ways of the copy have a distance.
 */
export function midPage(byteLength: number): Buffer {
  const memory = Buffer.allocUnsafeSlow(byteLength + PAGE_BYTES)
  const begin = (PAGE_BYTES + MID_PAGE - (loaded?.pageOffset(memory) ?? 0)) % PAGE_BYTES
  return memory.subarray(begin, begin + byteLength)
}
