// Whether a test has faked what Node has for turns of its loop.
import { expect, test } from 'vitest'
import { isFaked } from '../../lib/turns.ts'

test("timers that nobody faked are Node's own, so that turns of the loop take the short way", () => {
  expect(isFaked).toBe(false)
})
