// The cases of the well-known WebSocket test suite, by its numbers, written anew from RFC 6455 and
// RFC 3629: 6 text that is and that is not UTF-8, 7 closing.
import { describe, expect, test } from 'vitest'
import { answersTo } from './codec-endpoint.ts'
import { binary, close, first, frame, goOn, numbered, pieces, ping, text } from './frames.ts'

const end = close(1000)
const closed = 'close 1000'
const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')
const KOSME = bytes('ce ba e1 bd b9 cf 83 ce bc ce b5')
/** What the suite takes for its invalid text: valid up to a surrogate. */
const BROKEN = Buffer.concat([KOSME, bytes('ed a0 80'), Buffer.from('edited')])

/** Each byte in a fragment of its own. */
const fragments = (payload: Buffer): Buffer =>
  Buffer.concat([
    ...Array.from(payload, (byte, at) =>
      at === 0 ? text(Buffer.from([byte]), first) : goOn(Buffer.from([byte]), first)
    ),
    goOn('')
  ])

/** A text in one frame, in fragments of one byte, and cut by the network everywhere. */
function everyWay(payload: Buffer): string[][] {
  const whole = Buffer.concat([text(payload), end])
  return [
    answersTo(whole),
    answersTo(Buffer.concat([fragments(payload), end])),
    answersTo(whole, { cuts: pieces(whole, 1) })
  ]
}

describe('6.1 to 6.4: text in fragments', () => {
  test('6.1.1 to 6.1.3 empty text, empty fragments', () => {
    expect(answersTo(Buffer.concat([text(''), end]))).toEqual(['text ', closed])
    const empty = [text('', first), goOn('', first), goOn('')]
    expect(answersTo(Buffer.concat([...empty, end]))).toEqual(['text ', closed])
    const middle = [text('', first), goOn('middle', first), goOn('')]
    expect(answersTo(Buffer.concat([...middle, end]))).toEqual(['text middle', closed])
  })

  test('6.2.1 to 6.2.4 valid text', () => {
    const valid = 'Hello-µ@ßöäüàá-UTF-8!!'
    for (const answers of everyWay(Buffer.from(valid)))
      expect(answers).toEqual([`text ${valid}`, closed])
    const halves = [text('Hello-µ@ßöä', first), goOn('üàá-UTF-8!!')]
    expect(answersTo(Buffer.concat([...halves, end]))).toEqual([`text ${valid}`, closed])
    for (const answers of everyWay(KOSME)) expect(answers).toEqual([`text ${KOSME}`, closed])
  })

  test('6.3.1 and 6.3.2 invalid text', () => {
    for (const answers of everyWay(BROKEN)) expect(answers).toEqual(['close 1007'])
  })

  test('6.4.1 and 6.4.2 fails with the fragment that makes it invalid, before the last has come', () => {
    const begun = [text(KOSME, first), goOn(bytes('f4 90 80 80'), first)]
    expect(answersTo(Buffer.concat(begun))).toEqual(['close 1007'])
    const oneByteLater = [
      text(Buffer.concat([KOSME, bytes('f4')]), first),
      goOn(bytes('90'), first)
    ]
    expect(answersTo(Buffer.concat(oneByteLater))).toEqual(['close 1007'])
  })

  test('6.4.3 and 6.4.4 fails with the byte that makes it invalid, before the frame has come', () => {
    const whole = text(Buffer.concat([KOSME, bytes('f4 90 80 80'), KOSME]))
    expect(answersTo(whole.subarray(0, 6 + KOSME.length + 1))).toEqual([])
    expect(answersTo(whole.subarray(0, 6 + KOSME.length + 2))).toEqual(['close 1007'])
  })
})

const valid: [string, string][] = [
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
  ...['efbfbe', 'efbfbf', 'f09fbfbe', 'f09fbfbf', 'f0afbfbe', 'f0afbfbf', 'f0bfbfbe'].map(
    (hex, at): [string, string] => [`6.22.${at + 1}`, hex]
  ),
  ...['f3bfbfbf', 'f48fbfbe', 'f48fbfbf'].map((hex, at): [string, string] => [
    `6.22.${32 + at}`,
    hex
  ]),
  ['6.23.1', 'efbfbd']
]

const invalid: [string, string][] = [
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

describe('6.5 to 6.23: sequences of bytes', () => {
  test.each(valid)('%s %s is UTF-8', (_, hex) => {
    for (const answers of everyWay(bytes(hex)))
      expect(answers).toEqual([`text ${bytes(hex).toString()}`, closed])
  })

  test.each(invalid)('%s %s is not', (_, hex) => {
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

describe('7: closing', () => {
  test('7.1.1 a message, then a close', () => {
    expect(answersTo(Buffer.concat([text('hello'), end]))).toEqual(['text hello', closed])
  })

  test('7.1.2 to 7.1.4 nothing after a close is answered: a close, a ping, a message', () => {
    for (const late of [close(1000), ping(), text('late')])
      expect(answersTo(Buffer.concat([end, late]))).toEqual([closed])
  })

  test('7.1.5 a close within a message', () => {
    expect(answersTo(Buffer.concat([text('frag', first), end, goOn('ment')]))).toEqual([closed])
  })

  test('7.1.6 256 KiB, a message, a close and a ping at once', () => {
    const send = [binary(Buffer.alloc(256 * 1024)), text('hello'), end, ping()]
    expect(answersTo(Buffer.concat(send)).slice(1)).toEqual(['text hello', closed])
  })

  test('7.3.1 to 7.3.6 with no code, half a code, a code, a reason, the longest reason, a longer one', () => {
    const longest = '*'.repeat(123)
    expect(answersTo(close())).toEqual(['close 1005'])
    expect(answersTo(frame({ opcode: 8, payload: 'a' }))).toEqual(['close 1002'])
    expect(answersTo(close(1000))).toEqual([closed])
    expect(answersTo(close(1000, 'Hello World!'))).toEqual([closed])
    expect(answersTo(close(1000, longest))).toEqual([closed])
    expect(answersTo(close(1000, `${longest}*`))).toEqual(['close 1002'])
  })

  test('7.5.1 a reason that is not UTF-8', () => {
    expect(answersTo(close(1000, BROKEN))).toEqual(['close 1007'])
  })

  const may = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
  test.each(numbered(may))('7.7.%d the code %d', (_, code) => {
    expect(answersTo(close(code))).toEqual([`close ${code}`])
  })

  const mayNot = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]
  test.each(numbered(mayNot))('7.9.%d and 7.13: the code %d fails', (_, code) => {
    expect(answersTo(close(code))).toEqual(['close 1002'])
  })
})
