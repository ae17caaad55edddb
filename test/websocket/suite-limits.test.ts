// The short form of the cases 9, 12 and 13 of the well-known WebSocket test suite, over TCP. The
// long form, with the suite's own sizes and numbers, is `npm run test:websocket`.
import { describe } from 'vitest'
import { describeLimits } from './suite-limits-cases.ts'

const KIB = 1024

describe('the short form', () => {
  describeLimits({
    messageBytes: [64 * KIB, 256 * KIB, 1024 * KIB],
    fragmentedBytes: 256 * KIB,
    fragmentBytes: [64, 1 * KIB, 16 * KIB, 256 * KIB],
    choppedBytes: 64 * KIB,
    roundTrips: 20,
    compressedTrips: 11
  })
})
