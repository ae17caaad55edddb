// Ctrl-C: a loop that gives Node's own loop its turns ends in order by a handler that aborts; one
// that does not is ended by the system.
import { expect, test } from 'vitest'
import { startChild } from '../support/child.ts'
import { isWindows } from '../support/system.ts'

const SCRIPT = new URL('./signalled.mjs', import.meta.url)
const loops = ['runLoop', 'run']
const signals = ['SIGINT', 'SIGTERM'] as const

// On Windows nobody can send a signal to one process: the child plays it, which shows that handlers
// get their turn.
test.each(loops.flatMap((loop) => signals.map((signal) => [loop, signal] as const)))(
  'L.5 %s ends in order at %s',
  async (loop, signal) => {
    const child = startChild(SCRIPT, { args: [loop, signal, ...(isWindows ? ['itself'] : [])] })
    await child.at('running')
    if (!isWindows) child.process.kill(signal)
    expect(await child.ended).toEqual({ code: 0, signal: null, output: 'ended in order\n' })
  }
)

// Windows: kill() ends any process at once, which would show nothing.
test.skipIf(isWindows).each(signals)(
  'L.5 an exclusive runLoop without a handler is ended by %s',
  async (signal) => {
    const child = startChild(SCRIPT, { args: ['exclusive', signal] })
    await child.at('running')
    child.process.kill(signal)
    expect(await child.ended).toEqual({ code: null, signal, output: '' })
  }
)
