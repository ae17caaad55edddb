// The cases of the well-known WebSocket test suite, by its numbers, written anew from RFC 6455 and
// RFC 3629: what is sent, and what an echo server, or an echo client, answers in words. 1 framing,
// 2 pings and pongs, 3 reserved bits, 4 opcodes, 5 fragmentation, 6 text that is and that is not
// UTF-8, 7 closing.
import { binary, close, first, frame, goOn, ping, pong, text } from './frames.ts'

export const end: Buffer = close(1000)
/** What follows a case that goes well. */
export const closed = 'close 1000'

export interface Case {
  label: string
  send: Buffer[]
  answers: string[]
  /** The stream comes in pieces of so many bytes. */
  piecesOf?: number
}

const lengths = [0, 125, 126, 127, 128, 65_535, 65_536, 65_536]

export const lengthCases: Case[] = lengths.flatMap((length, index): Case[] => {
  const star = '*'.repeat(length)
  const bytes = Buffer.alloc(length, 0xfe)
  // The last one in pieces that fall together with nothing.
  const piecesOf = index === 7 ? 997 : undefined
  return [
    {
      label: `1.1.${index + 1} text of ${length} bytes`,
      send: [text(star), end],
      answers: [`text ${star}`, closed],
      piecesOf
    },
    {
      label: `1.2.${index + 1} binary of ${length} bytes`,
      send: [binary(bytes), end],
      answers: [`binary ${bytes.toString('hex')}`, closed],
      piecesOf
    }
  ]
})

const hex = (payload: string): string => Buffer.from(payload).toString('hex')
const ten = Array.from({ length: 10 }, (_, number) => `payload-${number}`)
const a125 = Buffer.alloc(125, 0xfe)

/** The suite's 3.x: "Hello, world!" before and after, with reserved bits on the frame between. */
const hello = 'Hello, world!'

export const framingCases: Case[] = [
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

export const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')
export const KOSME: Buffer = bytes('ce ba e1 bd b9 cf 83 ce bc ce b5')
/** What the suite takes for its invalid text: valid up to a surrogate. */
export const BROKEN: Buffer = Buffer.concat([KOSME, bytes('ed a0 80'), Buffer.from('edited')])

/** Each byte in a fragment of its own. */
export const fragments = (payload: Buffer): Buffer =>
  Buffer.concat([
    ...Array.from(payload, (byte, at) =>
      at === 0 ? text(Buffer.from([byte]), first) : goOn(Buffer.from([byte]), first)
    ),
    goOn('')
  ])

/** Bytes of 6.5 to 6.23 that are UTF-8. */
export const validText: [string, string][] = [
  ['6.5.1', '68656c6c6f'],
  ['6.5.2', '68656c6c6f24776f726c64'],
  ['6.5.3', '68656c6c6fc2a2776f726c64'],
  ['6.5.4', '68656c6c6fe282ac776f726c64'],
  ['6.5.5', '68656c6c6ff0a4ada2776f726c64'],
  ['6.6.2', 'ceba'],
  ['6.6.5', 'cebae1bdb9'],
  ['6.6.7', 'cebae1bdb9cf83'],
  ['6.6.9', 'cebae1bdb9cf83cebc'],
  ['6.6.11', 'cebae1bdb9cf83cebcceb5'],
  ['6.7.1', '00'],
  ['6.7.2', 'c280'],
  ['6.7.3', 'e0a080'],
  ['6.7.4', 'f0908080'],
  ['6.9.1', '7f'],
  ['6.9.2', 'dfbf'],
  ['6.9.3', 'efbfbf'],
  ['6.9.4', 'f48fbfbf'],
  ['6.11.1', 'ed9fbf'],
  ['6.11.2', 'ee8080'],
  ['6.11.3', 'efbfbd'],
  ['6.11.4', 'f48fbfbf'],
  // The last two code points of each of the 17 planes.
  ...Array.from({ length: 34 }, (_, at): [string, string] => [
    `6.22.${at + 1}`,
    Buffer.from(String.fromCodePoint((at >> 1) * 0x10000 + 0xfffe + (at & 1))).toString('hex')
  ]),
  ...['b9', 'ba', 'bb', 'bc', 'bd', 'be', 'bf'].map((last, at): [string, string] => [
    `6.23.${at + 1}`,
    `efbf${last}`
  ])
]

/** Bytes of 6.6 to 6.21 that are not. */
export const invalidText: [string, string][] = [
  ['6.6.1', 'ce'],
  ['6.6.3', 'cebae1'],
  ['6.6.4', 'cebae1bd'],
  ['6.6.6', 'cebae1bdb9cf'],
  ['6.6.8', 'cebae1bdb9cf83ce'],
  ['6.6.10', 'cebae1bdb9cf83cebcce'],
  ['6.8.1', 'f888808080'],
  ['6.8.2', 'fc8480808080'],
  ['6.10.1', 'f7bfbfbf'],
  ['6.10.2', 'fbbfbfbfbf'],
  ['6.10.3', 'fdbfbfbfbfbf'],
  ['6.11.5', 'f4908080'],
  ...[1, 2, 3, 4, 5, 6, 7, 8].map((count): [string, string] => [
    `6.12.${count}`,
    '80bf80bf80bf80bf'.slice(0, 2 * count)
  ]),
  ['6.13.1', 'c020c120de20df20'],
  ['6.13.2', 'e020e120ee20ef20'],
  ['6.13.3', 'f020f120f620f720'],
  ['6.13.4', 'f820f920fa20fb20'],
  ['6.13.5', 'fc20fd20'],
  ['6.14.1', 'c0'],
  ['6.14.2', 'e080'],
  ['6.14.3', 'f08080'],
  ['6.14.4', 'f8808080'],
  ['6.14.5', 'fc80808080'],
  ['6.14.6', 'df'],
  ['6.14.7', 'efbf'],
  ['6.14.8', 'f7bfbf'],
  ['6.14.9', 'fbbfbfbf'],
  ['6.14.10', 'fdbfbfbfbf'],
  ['6.15.1', 'c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf'],
  ['6.16.1', 'fe'],
  ['6.16.2', 'ff'],
  ['6.16.3', 'fefeffff'],
  ['6.17.1', 'c0af'],
  ['6.17.2', 'e080af'],
  ['6.17.3', 'f08080af'],
  ['6.17.4', 'f8808080af'],
  ['6.17.5', 'fc80808080af'],
  ['6.18.1', 'c1bf'],
  ['6.18.2', 'e09fbf'],
  ['6.18.3', 'f08fbfbf'],
  ['6.18.4', 'f887bfbfbf'],
  ['6.18.5', 'fc83bfbfbfbf'],
  ['6.19.1', 'c080'],
  ['6.19.2', 'e08080'],
  ['6.19.3', 'f0808080'],
  ['6.19.4', 'f880808080'],
  ['6.19.5', 'fc8080808080'],
  ...['eda080', 'edadbf', 'edae80', 'edafbf', 'edb080', 'edbe80', 'edbfbf'].map(
    (hex, at): [string, string] => [`6.20.${at + 1}`, hex]
  ),
  ...['eda080edb080', 'eda080edbfbf', 'edadbfedb080', 'edadbfedbfbf', 'edae80edb080'].map(
    (hex, at): [string, string] => [`6.21.${at + 1}`, hex]
  ),
  ...['edae80edbfbf', 'edafbfedb080', 'edafbfedbfbf'].map((hex, at): [string, string] => [
    `6.21.${at + 6}`,
    hex
  ])
]

const longest = '*'.repeat(123)
const mayClose = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
const mayNotClose = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999]

export const textCases: Case[] = [
  { label: '6.1.1 empty text', send: [text(''), end], answers: ['text ', closed] },
  {
    label: '6.1.2 three empty fragments',
    send: [text('', first), goOn('', first), goOn(''), end],
    answers: ['text ', closed]
  },
  {
    label: '6.1.3 text between two empty fragments',
    send: [text('', first), goOn('middle', first), goOn(''), end],
    answers: ['text middle', closed]
  },
  {
    label: '6.2.2 valid text in two fragments',
    send: [text('Hello-µ@ßöä', first), goOn('üàá-UTF-8!!'), end],
    answers: ['text Hello-µ@ßöäüàá-UTF-8!!', closed]
  },
  ...['Hello-µ@ßöäüàá-UTF-8!!', KOSME].flatMap((valid, index): Case[] => [
    {
      label: index === 0 ? '6.2.1 valid text in one frame' : '6.2.4 the same of other text',
      send: [text(valid), end],
      answers: [`text ${valid}`, closed]
    },
    {
      label: index === 0 ? '6.2.3 each byte in a fragment' : '6.2.4 each byte in a fragment',
      send: [fragments(Buffer.from(valid)), end],
      answers: [`text ${valid}`, closed]
    }
  ]),
  { label: '6.3.1 invalid text in one frame', send: [text(BROKEN)], answers: ['close 1007'] },
  { label: '6.3.2 each byte in a fragment', send: [fragments(BROKEN)], answers: ['close 1007'] },
  {
    label: '6.4.1 fails with the fragment that makes it invalid, before the last has come',
    send: [text(KOSME, first), goOn(bytes('f4 90 80 80'), first)],
    answers: ['close 1007']
  },
  {
    label: '6.4.2 fails with the byte that makes it invalid',
    send: [text(Buffer.concat([KOSME, bytes('f4')]), first), goOn(bytes('90'), first)],
    answers: ['close 1007']
  },
  {
    label: '6.4.3 fails within a frame of which the rest has not come',
    send: [text(Buffer.concat([KOSME, bytes('f4 90 80 80'), KOSME])).subarray(0, 21)],
    answers: ['close 1007']
  },
  {
    label: '6.4.4 the same, byte by byte',
    send: [text(Buffer.concat([KOSME, bytes('f4 90 80 80'), KOSME])).subarray(0, 21)],
    answers: ['close 1007'],
    piecesOf: 1
  }
]

export const closeCases: Case[] = [
  {
    label: '7.1.1 a message, then a close',
    send: [text('hello'), end],
    answers: ['text hello', closed]
  },
  { label: '7.1.2 a close, then a close', send: [end, close(1000)], answers: [closed] },
  { label: '7.1.3 a close, then a ping', send: [end, ping()], answers: [closed] },
  { label: '7.1.4 a close, then a message', send: [end, text('late')], answers: [closed] },
  {
    label: '7.1.5 a close within a message',
    send: [text('frag', first), end, goOn('ment')],
    answers: [closed]
  },
  {
    label: '7.1.6 256 KiB, a message, a close and a ping at once',
    send: [text('*'.repeat(256 * 1024)), text('hello'), end, ping()],
    answers: [`text ${'*'.repeat(256 * 1024)}`, 'text hello', closed]
  },
  { label: '7.3.1 a close with no code', send: [close()], answers: ['close 1005'] },
  {
    label: '7.3.2 a close with half a code',
    send: [frame({ opcode: 8, payload: 'a' })],
    answers: ['close 1002']
  },
  { label: '7.3.3 a close with a code', send: [close(1000)], answers: [closed] },
  { label: '7.3.4 with a reason', send: [close(1000, 'Hello World!')], answers: [closed] },
  { label: '7.3.5 with the longest reason', send: [close(1000, longest)], answers: [closed] },
  { label: '7.3.6 with a longer one', send: [close(1000, `${longest}*`)], answers: ['close 1002'] },
  {
    label: '7.5.1 with a reason that is not UTF-8',
    send: [close(1000, BROKEN)],
    answers: ['close 1007']
  },
  ...mayClose.map(
    (code, index): Case => ({
      label: `7.7.${index + 1} the code ${code}`,
      send: [close(code)],
      answers: [`close ${code}`]
    })
  ),
  ...mayNotClose.map(
    (code, index): Case => ({
      label: `7.9.${index + 1} the code ${code} fails`,
      send: [close(code)],
      answers: ['close 1002']
    })
  ),
  ...[5000, 65_535].map(
    (code, index): Case => ({
      label: `7.13.${index + 1} the code ${code} fails`,
      send: [close(code)],
      answers: ['close 1002']
    })
  )
]
