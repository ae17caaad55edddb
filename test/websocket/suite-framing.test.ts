// The cases of the well-known WebSocket test suite, by its numbers, written anew from RFC 6455:
// 1 framing, 2 pings and pongs, 3 reserved bits, 4 opcodes, 5 fragmentation, 9 limits, 10 automatic
// fragmentation. Each is given to an echo server, and what that answers is compared.
import { describe, expect, test } from 'vitest'
import { answersTo } from './codec-endpoint.ts'
import {
  binary,
  byteByByte,
  close,
  first,
  frame,
  goOn,
  numbered,
  pieces,
  ping,
  pong,
  text
} from './frames.ts'

const end = close(1000)
/** What follows a case that goes well. */
const closed = 'close 1000'

interface Case {
  label: string
  send: Buffer[]
  answers: string[]
  /** The stream comes in pieces of so many bytes. */
  piecesOf?: number
}

function run({ send, answers, piecesOf }: Case): void {
  const stream = Buffer.concat(send)
  const cuts = piecesOf === undefined ? [] : pieces(stream, piecesOf)
  expect(answersTo(stream, { cuts })).toEqual(answers)
}

const lengths = [0, 125, 126, 127, 128, 65_535, 65_536, 65_536]

describe('1: messages of one frame', () => {
  test.each(numbered(lengths))('1.1.%d text of %d bytes', (number, length) => {
    const payload = '*'.repeat(length)
    run({
      label: `1.1.${number}`,
      send: [text(payload), end],
      answers: [`text ${payload}`, closed],
      piecesOf: number === 8 ? 997 : undefined
    })
  })

  test.each(numbered(lengths))('1.2.%d binary of %d bytes', (number, length) => {
    const payload = Buffer.alloc(length, 0xfe)
    run({
      label: `1.2.${number}`,
      send: [binary(payload), end],
      answers: [`binary ${payload.toString('hex')}`, closed],
      piecesOf: number === 8 ? 997 : undefined
    })
  })
})

const hex = (payload: string): string => Buffer.from(payload).toString('hex')
const ten = Array.from({ length: 10 }, (_, number) => `payload-${number}`)
const a125 = Buffer.alloc(125, 0xfe)

/** The suite's 3.x: "Hello, world!" before and after, with reserved bits on the frame between. */
const hello = 'Hello, world!'

const cases: Case[] = [
  { label: '2.1 a ping without payload', send: [ping(), end], answers: ['pong ', closed] },
  {
    label: '2.2 a ping with text',
    send: [ping('Hello'), end],
    answers: [`pong ${hex('Hello')}`, closed]
  },
  {
    label: '2.3 a ping with bytes that are no text',
    send: [ping(Buffer.from([0, 255, 254, 253, 252, 251, 0, 255])), end],
    answers: ['pong 00fffefdfcfb00ff', closed]
  },
  {
    label: '2.4 a ping of 125 bytes',
    send: [ping(a125), end],
    answers: [`pong ${a125.toString('hex')}`, closed]
  },
  {
    label: '2.5 a ping of 126 bytes',
    send: [ping(Buffer.alloc(126)), end],
    answers: ['close 1002']
  },
  {
    label: '2.6 a ping of 125 bytes, byte by byte',
    send: [ping(a125), end],
    answers: [`pong ${a125.toString('hex')}`, closed],
    piecesOf: 1
  },
  { label: '2.7 a pong that nothing asked for', send: [pong(), end], answers: [closed] },
  { label: '2.8 the same with payload', send: [pong('unsolicited'), end], answers: [closed] },
  {
    label: '2.9 a pong that nothing asked for, then a ping',
    send: [pong('unsolicited'), ping('ping'), end],
    answers: [`pong ${hex('ping')}`, closed]
  },
  {
    label: '2.10 ten pings',
    send: [...ten.map((payload) => ping(payload)), end],
    answers: [...ten.map((payload) => `pong ${hex(payload)}`), closed]
  },
  {
    label: '2.11 ten pings, byte by byte',
    send: [...ten.map((payload) => ping(payload)), end],
    answers: [...ten.map((payload) => `pong ${hex(payload)}`), closed],
    piecesOf: 1
  },
  { label: '3.1 RSV 1', send: [text(hello, { reserved: 1 })], answers: ['close 1002'] },
  {
    label: '3.2 RSV 2 on the second message, then a ping',
    send: [text(hello), text(hello, { reserved: 2 }), ping()],
    answers: [`text ${hello}`, 'close 1002']
  },
  {
    label: '3.3 RSV 3, in pieces',
    send: [text(hello), text(hello, { reserved: 3 }), ping()],
    answers: [`text ${hello}`, 'close 1002'],
    piecesOf: 5
  },
  {
    label: '3.4 RSV 4, byte by byte',
    send: [text(hello), text(hello, { reserved: 4 }), ping()],
    answers: [`text ${hello}`, 'close 1002'],
    piecesOf: 1
  },
  {
    label: '3.5 RSV 5 on a binary message',
    send: [binary('\x00\xff', { reserved: 5 })],
    answers: ['close 1002']
  },
  { label: '3.6 RSV 6 on a ping', send: [ping(hello, { reserved: 6 })], answers: ['close 1002'] },
  {
    label: '3.7 RSV 7 on a close',
    send: [frame({ opcode: 8, reserved: 7 })],
    answers: ['close 1002']
  },
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode, index): Case[] => {
    const family = opcode < 8 ? '4.1' : '4.2'
    const label = `${family}.${(index % 5) + 1} opcode ${opcode}`
    const strange = frame({ opcode, payload: index % 2 === 0 ? '' : 'reserved' })
    return [
      { label, send: [strange, ping()], answers: ['close 1002'] },
      {
        label: `${label}, byte by byte after a message`,
        send: [text(hello), strange, ping()],
        answers: [`text ${hello}`, 'close 1002'],
        piecesOf: 1
      }
    ]
  }),
  {
    label: '5.1 a ping in two fragments',
    send: [ping('frag', first), goOn('ment')],
    answers: ['close 1002']
  },
  {
    label: '5.2 a pong in two fragments',
    send: [pong('frag', first), goOn('ment')],
    answers: ['close 1002']
  },
  ...[undefined, 997, 1].map(
    (piecesOf, index): Case => ({
      label: `5.${3 + index} text in two fragments`,
      send: [text('frag', first), goOn('ment'), end],
      answers: ['text fragment', closed],
      piecesOf
    })
  ),
  ...[undefined, 997, 1].map(
    (piecesOf, index): Case => ({
      label: `5.${6 + index} text in two fragments with a ping between them`,
      send: [text('frag', first), ping('ping'), goOn('ment'), end],
      answers: [`pong ${hex('ping')}`, 'text fragment', closed],
      piecesOf
    })
  ),
  ...[undefined, 997, 1].flatMap((piecesOf, index): Case[] => [
    {
      label: `5.${9 + index} a last continuation of nothing, then text`,
      send: [goOn('nothing'), text(hello)],
      answers: ['close 1002'],
      piecesOf
    },
    {
      label: `5.${12 + index} a continuation of nothing, then text`,
      send: [goOn('nothing', first), text(hello)],
      answers: ['close 1002'],
      piecesOf
    }
  ]),
  {
    label: '5.15 text in two fragments, a continuation of nothing, text',
    send: [text('frag', first), goOn('ment'), goOn('nothing', first), text(hello)],
    answers: ['text fragment', 'close 1002']
  },
  {
    label: '5.16 twice: continuation, text, last continuation',
    send: [goOn('1', first), text('2', first), goOn('3'), goOn('4', first), text('5', first)],
    answers: ['close 1002']
  },
  {
    label: '5.17 twice: last continuation, text, last continuation',
    send: [goOn('1'), text('2', first), goOn('3'), goOn('4'), text('5', first), goOn('6')],
    answers: ['close 1002']
  },
  {
    label: '5.18 text in two fragments, both with the opcode of text',
    send: [text('frag', first), text('ment')],
    answers: ['close 1002']
  },
  ...[undefined, 1].map(
    (piecesOf, index): Case => ({
      label: `5.${19 + index} text in five fragments with pings among them`,
      send: [
        text('f1,', first),
        goOn('f2,', first),
        ping('pongme 1!'),
        goOn('f3,', first),
        goOn('f4,', first),
        ping('pongme 2!'),
        goOn('f5'),
        end
      ],
      answers: [
        `pong ${hex('pongme 1!')}`,
        `pong ${hex('pongme 2!')}`,
        'text f1,f2,f3,f4,f5',
        closed
      ],
      piecesOf
    })
  )
]

describe('2 to 5: control frames, reserved bits and opcodes, fragmentation', () => {
  test.each(cases)('$label', run)
})

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
