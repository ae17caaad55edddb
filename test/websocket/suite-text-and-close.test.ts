// The cases of the well-known WebSocket test suite, by its numbers, given to the codec alone: 6
// text that is and that is not UTF-8, 7 closing.
import { describe, expect, test } from 'vitest'
import { answersTo } from './codec-endpoint.ts'
import { pieces, text } from './frames.ts'
import {
  bytes,
  closeCases,
  closed,
  end,
  fragments,
  invalidText,
  KOSME,
  textCases,
  validText
} from './suite-cases.ts'

test.each([...textCases, ...closeCases])('$label', ({ send, answers, piecesOf }) => {
  const stream = Buffer.concat(send)
  const cuts = piecesOf === undefined ? [] : pieces(stream, piecesOf)
  expect(answersTo(stream, { cuts })).toEqual(answers)
})

/** A text in one frame, in fragments of one byte, and cut by the network everywhere. */
function everyWay(payload: Buffer): string[][] {
  const whole = Buffer.concat([text(payload), end])
  return [
    answersTo(whole),
    answersTo(Buffer.concat([fragments(payload), end])),
    answersTo(whole, { cuts: pieces(whole, 1) })
  ]
}

test('6.4.3 nothing fails before the byte that makes it invalid', () => {
  const whole = text(Buffer.concat([KOSME, bytes('f4 90 80 80'), KOSME]))
  expect(answersTo(whole.subarray(0, 6 + KOSME.length + 1))).toEqual([])
  expect(answersTo(whole.subarray(0, 6 + KOSME.length + 2))).toEqual(['close 1007'])
})

describe('6.5 to 6.23: sequences of bytes', () => {
  test.each(validText)('%s %s is UTF-8', (_, hex) => {
    for (const answers of everyWay(bytes(hex)))
      expect(answers).toEqual([`text ${bytes(hex).toString()}`, closed])
  })

  test.each(invalidText)('%s %s is not', (_, hex) => {
    for (const answers of everyWay(bytes(hex))) expect(answers).toEqual(['close 1007'])
  })

  test('every string of up to three bytes, and what a decoder of text says of it', () => {
    const strict = new TextDecoder('utf-8', { fatal: true })
    const interesting = [0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xe0, 0xe1, 0xed]
    interesting.push(0xf0, 0xf4, 0xf5)
    for (const a of interesting)
      for (const b of interesting)
        for (const c of interesting)
          for (const d of [[], [0x80], [0xbf], [0x20]]) {
            const payload = Buffer.from([a, b, c, ...d])
            let isText = true
            try {
              strict.decode(payload)
            } catch {
              isText = false
            }
            for (const [answer] of everyWay(payload))
              if (answer.startsWith('text') !== isText) expect.unreachable(payload.toString('hex'))
          }
  })
})
