// Some thousands of WebSockets, opened and closed in every way, leave nothing behind.
import { test } from 'vitest'
import { isWine } from '../support/system.ts'
import { churn } from './churn.ts'

test('WebSockets that come and go leave no descriptor and no memory', {
  timeout: 150_000
}, async () => {
  await churn({
    aPart: isWine ? 250 : 500,
    leastParts: 5,
    mostParts: 15,
    heapBytesEach: 128,
    deadlineMs: 140_000
  })
})
