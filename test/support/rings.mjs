// The io_urings that this process has, by their descriptors: those of pollers, and those that libuv
// has for its loops.
import { readdirSync, readlinkSync } from 'node:fs'

export function ringDescriptors() {
  return readdirSync('/proc/self/fd').filter(isRing).map(Number)
}

function isRing(descriptor) {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`) === 'anon_inode:[io_uring]'
  } catch {
    return false // it was the folder's own
  }
}
