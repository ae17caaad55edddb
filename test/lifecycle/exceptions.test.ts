// An exception in what another thread's call leads to is an exception of the program: Node alone
// would swallow it with a warning.
import { expect, test } from 'vitest'
import { runChild } from '../support/child.ts'

const SCRIPT = new URL('./exceptions.mjs', import.meta.url)

test.each(['the handler of run()', 'onEvents of runLoop', 'the native callback itself'])(
  'L.4 an exception in %s that nobody catches ends the process with 1 and its message',
  async (place) => {
    const { code, output } = await runChild(SCRIPT, { args: [place] })
    expect(output).toContain('a mistake of the program')
    expect(output).not.toContain('DEP0168')
    expect(code).toBe(1)
  }
)
