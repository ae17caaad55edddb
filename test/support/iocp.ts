// What tests of completion ports need again and again.
import { type Completion, Iocp, Socket, WOULD_BLOCK } from 'pollport'
import { closing, LOCAL } from './raw-pair.ts'

/** A port that is closed when the test ends. */
export function port<U = unknown>(): Iocp<U> {
  return closing(new Iocp<U>())
}

/** Both ends of a connection; `near` is in the port, with 'near' for its userPtr. */
export function overlappedPair(iocp: Iocp<unknown>): { near: Socket; far: Socket } {
  const listener = new Socket({ type: 'tcp' })
  listener.bind({ address: LOCAL, port: 0 })
  listener.listen()
  const near = closing(new Socket({ type: 'tcp' }))
  near.connect(listener.localAddress)
  const far = listener.accept()
  listener.close()
  if (far === WOULD_BLOCK) throw new Error('a blocking accept gave WOULD_BLOCK')
  iocp.add(near, 'near')
  return { near, far: closing(far) }
}

/** Waits for so many completions, and not a moment for more. */
export function completions<U>(iocp: Iocp<U>, count: number, deadlineMs = 10_000): Completion<U>[] {
  const all: Completion<U>[] = []
  for (const end = performance.now() + deadlineMs; all.length < count; ) {
    all.push(...iocp.wait(100))
    if (performance.now() > end)
      throw new Error(`${all.length} of ${count} completions within ${deadlineMs} ms`)
  }
  return all
}
