// The cases of the well-known WebSocket test suite, by its numbers, given to the codec alone: 1
// framing, 2 pings and pongs, 3 reserved bits, 4 opcodes, 5 fragmentation, 9 limits, 10 automatic
// fragmentation.
import { describe, expect, test } from 'vitest'
import { answersTo } from './codec-endpoint.ts'
import { binary, byteByByte, goOn, numbered, pieces, text } from './frames.ts'
import { type Case, closed, end, framingCases, lengthCases } from './suite-cases.ts'

function run({ send, answers, piecesOf }: Case): void {
  const stream = Buffer.concat(send)
  const cuts = piecesOf === undefined ? [] : pieces(stream, piecesOf)
  expect(answersTo(stream, { cuts })).toEqual(answers)
}

test.each([...lengthCases, ...framingCases])('$label', run)

const KIB = 1024
const MIB = 1024 * KIB

describe('9: limits', () => {
  const sizes = [64 * KIB, 256 * KIB, 1 * MIB, 4 * MIB, 8 * MIB, 16 * MIB]
  test.each(numbered(sizes))('9.1.%d and 9.2: one message of %d bytes', (_, size) => {
    const payload = Buffer.alloc(size, 0x2a)
    for (const kind of [text, binary]) {
      const [message] = answersTo(Buffer.concat([kind(payload), end]))
      expect(message.length).toBeGreaterThanOrEqual(size)
    }
  })

  const fragmentSizes = [64, 256, 1 * KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, 1 * MIB, 4 * MIB]
  test.each(numbered(fragmentSizes))(
    '9.3.%d and 9.4: 4 MiB in fragments of %d bytes',
    (_, size) => {
      const fragment = Buffer.alloc(size, 0x2a)
      const count = (4 * MIB) / size
      for (const kind of [text, binary]) {
        const send = Array.from({ length: count }, (_, number) =>
          number === 0
            ? kind(fragment, { isLast: count === 1 })
            : goOn(fragment, { isLast: number === count - 1 })
        )
        const [message, after] = answersTo(Buffer.concat([...send, end]), { maxFragments: count })
        expect(message.length).toBeGreaterThanOrEqual(4 * MIB)
        expect(after).toBe(closed)
      }
    }
  )

  test.each([64, 128, 256, 512, 1024, 2048])('9.5 and 9.6: 1 MiB in pieces of %d bytes', (size) => {
    const payload = '*'.repeat(MIB)
    run({
      label: '',
      send: [text(payload), end],
      answers: [`text ${payload}`, closed],
      piecesOf: size
    })
  })

  test.each([0, 16, 64, 256, 1024, 4096])('9.7 and 9.8: 1,000 messages of %d bytes', (size) => {
    const payload = '*'.repeat(size)
    for (const kind of [text, binary]) {
      const send = Array.from({ length: 1000 }, () => kind(payload))
      expect(answersTo(Buffer.concat([...send, end]))).toHaveLength(1001)
    }
  })
})

test('10.1.1 65,536 bytes in fragments of 1,300', () => {
  const payload = '*'.repeat(65_536)
  const send: Buffer[] = []
  for (let at = 0; at < payload.length; at += 1300) {
    const part = payload.slice(at, at + 1300)
    const isLast = at + 1300 >= payload.length
    send.push(at === 0 ? text(part, { isLast }) : goOn(part, { isLast }))
  }
  run({ label: '', send: [...send, end], answers: [`text ${payload}`, closed] })
  expect(answersTo(Buffer.concat(send), byteByByte(Buffer.concat(send)))).toEqual([
    `text ${payload}`
  ])
})
