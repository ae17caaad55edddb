// The cases 9, 12 and 13 of the well-known WebSocket test suite as long as it has them, but for the
// number of large compressed messages.
import { describe } from 'vitest'
import { describeLimits } from '../suite-limits-cases.ts'

const KIB = 1024
const MIB = 1024 * KIB

describe('the long form', () => {
  describeLimits({
    messageBytes: [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB],
    fragmentedBytes: 4 * MIB,
    fragmentBytes: [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB],
    choppedBytes: MIB,
    roundTrips: 1000,
    compressedTrips: 1000
  })
})
