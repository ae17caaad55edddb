// The cases of the well-known WebSocket test suite, by its numbers, over TCP: an echo server and an
// echo client answer as the codec alone does (suite-framing, suite-text-and-close).
import { describe, expect, test } from 'vitest'
import { text } from './frames.ts'
import {
  bytes,
  closeCases,
  closed,
  end,
  fragments,
  framingCases,
  invalidText,
  lengthCases,
  textCases,
  validText
} from './suite-cases.ts'
import { client, server } from './suite-endpoints.ts'

describe.each([
  ['a server', server],
  ['a client', client]
])('%s', (_who, answersTo) => {
  const cases = [...lengthCases, ...framingCases, ...textCases, ...closeCases]
  test.each(cases)('$label', async ({ send, answers, piecesOf }) => {
    expect(await answersTo(Buffer.concat(send), { piecesOf })).toEqual(answers)
  })

  /** In one frame, and in fragments of one byte. */
  const bothWays = (hex: string) =>
    Promise.all(
      [text(bytes(hex)), fragments(bytes(hex))].map((sent) => answersTo(Buffer.concat([sent, end])))
    )

  test.each(validText)('%s %s is UTF-8', async (_number, hex) => {
    const echoed = [`text ${bytes(hex).toString()}`, closed]
    expect(await bothWays(hex)).toEqual([echoed, echoed])
  })

  test.each(invalidText)('%s %s is not', async (_number, hex) => {
    expect(await bothWays(hex)).toEqual([['close 1007'], ['close 1007']])
  })
})
