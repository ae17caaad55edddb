// A process that uses a poller ends when and how it should, whatever it was doing: it never hangs
// and never crashes.
import { describe, expect, test } from 'vitest'
import { NO_BACKGROUND_COMPILATION, runChild } from '../support/child.ts'

const SCRIPT = new URL('./stages.mjs', import.meta.url)

const stages = [
  'a new poller',
  'a closed poller',
  'listeners and sockets of all kinds',
  'a connect that is under way',
  'sends that no wait has seen',
  'sends that the system did not take',
  'the handling of an event of wait()',
  'an idle run()',
  'a busy run()',
  'the handler of run()',
  'a for await',
  'a promise after run() has ended',
  'a worker that sits in wait(-1)',
  'a worker in run()',
  'two workers and the main thread, all at it',
  'the exit event itself',
  'the exit event, closing everything'
]

const ways = {
  exit: { label: 'L.2', title: 'process.exit(7) ends it with 7', code: 7, output: '' },
  throw: {
    label: 'L.3',
    title: 'an uncaught exception ends it with 1 and its message',
    code: 1,
    output: 'left by an exception'
  },
  natural: {
    label: 'L.3',
    title: 'with nothing left to do it ends by itself, with 0',
    code: 0,
    output: ''
  }
}

describe.each(Object.entries(ways))('%s', (way, { label, title, code, output }) => {
  test.concurrent.each(stages)(`${label} at %s: ${title}`, async (stage) => {
    const end = await runChild(SCRIPT, {
      args: [stage, way],
      nodeOptions: [NO_BACKGROUND_COMPILATION]
    })
    expect({ ...end, output: '' }, end.output).toEqual({ code, signal: null, output: '' })
    if (output) expect(end.output).toContain(output)
    else expect(end.output).toBe('')
  })
})

test
  .skipIf(process.platform === 'win32')
  .each(['an idle run()', 'a busy run()', 'a worker in run()'])(
  'L.5 a SIGTERM at %s ends it',
  async (stage) => {
    expect(await runChild(SCRIPT, { args: [stage, 'sigterm'] })).toMatchObject({
      code: null,
      signal: 'SIGTERM'
    })
  }
)
