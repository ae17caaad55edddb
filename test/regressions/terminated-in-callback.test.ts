// Terminating a worker at the moment in which its run() was called by the watching thread ended the
// whole process: the call failed without an exception, and the one that was made of that could not
// be thrown any more ("FATAL ERROR: Error::ThrowAsJavaScriptException napi_throw").
import { expect, test } from 'vitest'
import { runChild } from '../support/child.ts'

test('L.2 a worker that is terminated inside the call of its loop watch ends, and nothing else does', async () => {
  const end = await runChild(new URL('./terminated-in-callback.mjs', import.meta.url))
  expect(end).toEqual({ code: 0, signal: null, output: 'terminated\n' })
})
