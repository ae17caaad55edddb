// The cases 9, 12 and 13 by their numbers, in a long and in a short form.
import { describe, test } from 'vitest'
import { client, server } from './suite-endpoints.ts'
import { compressedTrips, oneMessage, roundTrips, toClient, toServer } from './suite-limits.ts'
import { parameters, payloads } from './suite-payloads.ts'

export interface Form {
  messageBytes: number[]
  /** How much is sent in fragments, and in fragments of how many bytes each. */
  fragmentedBytes: number
  fragmentBytes: number[]
  /** How much is sent in pieces of the network. */
  choppedBytes: number
  roundTrips: number
  /** How many compressed messages of each size, and a tenth of that of the large ones. */
  compressedTrips: number
}

const kinds: [what: string, isText: boolean][] = [
  ['text', true],
  ['binary', false]
]
const long = { timeout: 600_000 }
const [openly] = parameters

export function describeLimits(form: Form): void {
  describe.each([
    ['a server', server, toServer],
    ['a client', client, toClient]
  ])('%s', (_who, answersTo, open) => {
    describe.each(kinds)('%s', (what, isText) => {
      const number = (ofText: number): string => `9.${isText ? ofText : ofText + 1}`

      test.each(form.messageBytes.map((bytes, at) => [`${number(1)}.${at + 1}`, bytes] as const))(
        `%s ${what}: one message of %d bytes`,
        long,
        (_number, bytes) => oneMessage(answersTo, { bytes, isText })
      )

      test.each(form.fragmentBytes.map((bytes, at) => [`${number(3)}.${at + 1}`, bytes] as const))(
        `%s ${what}: ${form.fragmentedBytes} bytes in fragments of %d`,
        long,
        (_number, fragmentBytes) =>
          oneMessage(answersTo, { bytes: form.fragmentedBytes, isText, fragmentBytes })
      )

      const chops = [64, 128, 256, 512, 1024, 2048]
      test.each(chops.map((bytes, at) => [`${number(5)}.${at + 1}`, bytes] as const))(
        `%s ${what}: ${form.choppedBytes} bytes in pieces of %d`,
        long,
        (_number, piecesOf) => oneMessage(answersTo, { bytes: form.choppedBytes, isText, piecesOf })
      )

      const lengths = [0, 16, 64, 256, 1024, 4096]
      test.each(lengths.map((bytes, at) => [`${number(7)}.${at + 1}`, bytes] as const))(
        `%s ${what}: ${form.roundTrips} messages of %d bytes`,
        long,
        (_number, bytes) => roundTrips(open, { bytes, isText, count: form.roundTrips })
      )
    })

    test.each(payloads.map((one) => [one.number, one.what, one] as const))(
      '%s.1 to 18: %s',
      long,
      (_number, _what, payload) => compressedTrips(open, openly, payload, form.compressedTrips)
    )

    test.each(parameters.map((one) => [one.number, one.offer, one] as const))(
      '%s.1 to 18: %s',
      long,
      (_number, _offer, agreeing) =>
        compressedTrips(open, agreeing, payloads[0], form.compressedTrips)
    )
  })
}
