// A hundred thousand WebSockets, opened and closed in every way, leave nothing behind.
import { test } from 'vitest'
import { churn } from '../churn.ts'

test('100,000 WebSockets leave no descriptor and no memory', { timeout: 900_000 }, async () => {
  const figures = await churn({
    aPart: 10_000,
    leastParts: 10,
    mostParts: 15,
    heapBytesEach: 16,
    deadlineMs: 890_000
  })
  console.log(figures)
})
