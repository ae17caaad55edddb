// Calls of the C library that pollport does not offer, for tests that do behind its back what it
// would never do itself (Linux).
import koffi from 'koffi'

const libc = koffi.load(null)

/** A second descriptor of the same open file (dup(2)). */
export const dup: (descriptor: number) => number = libc.func('int dup(int)')
/** `to` becomes a second descriptor of what `from` is, whatever it was before (dup2(2)). */
export const dup2: (from: number, to: number) => number = libc.func('int dup2(int, int)')
/** Closes a descriptor that no object of Node owns (close(2)). */
export const closeDescriptor: (descriptor: number) => number = libc.func('int close(int)')
