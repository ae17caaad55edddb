// RFC 6455, 5 to 8, as a receiver has to keep it: section by section.
import { WebSocketDecoder } from 'pollport/websocket'
import { describe, expect, test } from 'vitest'
import {
  binary,
  byteByByte,
  close,
  decode,
  first,
  frame,
  goOn,
  ping,
  pong,
  text
} from './frames.ts'

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

describe('RFC 6455, 5.7: its own examples', () => {
  test('an unmasked text message of one frame', () => {
    expect(decode(bytes('81 05 48 65 6c 6c 6f'), { role: 'client' })).toEqual(['text Hello'])
  })

  test('a masked text message of one frame', () => {
    expect(decode(bytes('81 85 37 fa 21 3d 7f 9f 4d 51 58'))).toEqual(['text Hello'])
  })

  test('an unmasked text message of two frames', () => {
    expect(decode(bytes('01 03 48 65 6c 80 02 6c 6f'), { role: 'client' })).toEqual(['text Hello'])
  })

  test('an unmasked ping and the masked pong that answers it', () => {
    expect(decode(bytes('89 05 48 65 6c 6c 6f'), { role: 'client' })).toEqual(['ping 48656c6c6f'])
    expect(decode(bytes('8a 85 37 fa 21 3d 7f 9f 4d 51 58'))).toEqual(['pong 48656c6c6f'])
  })

  test('256 bytes and 64 KiB of binary data', () => {
    const short = Buffer.alloc(256, 7)
    const long = Buffer.alloc(65_536, 9)
    const stream = Buffer.concat([
      bytes('82 7e 0100'),
      short,
      bytes('82 7f 0000000000010000'),
      long
    ])
    expect(decode(stream, { role: 'client' })).toEqual([
      `binary ${short.toString('hex')}`,
      `binary ${long.toString('hex')}`
    ])
  })
})

describe('RFC 6455, 5.1: masking', () => {
  test('a server fails the connection of a client that does not mask: 1002', () => {
    expect(decode(text('x', { key: null }))).toEqual(['fails 1002'])
    expect(decode(ping('', { key: null }))).toEqual(['fails 1002'])
  })

  test('a client fails the connection of a server that masks: 1002', () => {
    expect(decode(text('x'), { role: 'client' })).toEqual(['fails 1002'])
  })
})

describe('RFC 6455, 5.2: the header', () => {
  test.each([1, 2, 3, 4, 5, 6, 7])(
    'reserved bits %d fail without an extension: 1002',
    (reserved) => {
      for (const opcode of [1, 2, 8, 9, 10])
        expect(decode(frame({ opcode, reserved })), `opcode ${opcode}`).toEqual(['fails 1002'])
    }
  )

  test.each([3, 4, 5, 6, 7, 11, 12, 13, 14, 15])('opcode %d is reserved: 1002', (opcode) => {
    expect(decode(frame({ opcode }))).toEqual(['fails 1002'])
  })

  test('what is wrong with the first two bytes is said before a third has come', () => {
    expect(decode(bytes('83 80'))).toEqual(['fails 1002'])
    expect(decode(bytes('81 05'))).toEqual(['fails 1002'])
  })

  test.each([
    [125, 2],
    [125, 8],
    [126, 8],
    [65_535, 8]
  ] as const)(
    'a length of %d in %d bytes is not the shortest form: 1002',
    (length, lengthBytes) => {
      expect(decode(binary(Buffer.alloc(length), { lengthBytes }))).toEqual(['fails 1002'])
    }
  )

  test('a length with its highest bit set fails: 1002', () => {
    expect(decode(bytes('82 ff 8000000000000000 00000000'))).toEqual(['fails 1002'])
  })

  test.each([0, 1, 125, 126, 127, 65_535, 65_536])(
    'a payload of %d bytes comes whole',
    (length) => {
      const payload = Buffer.alloc(length, 0x61)
      expect(decode(text(payload))).toEqual([`text ${payload.toString()}`])
      expect(decode(binary(payload))).toEqual([`binary ${payload.toString('hex')}`])
    }
  )
})

describe('RFC 6455, 5.4: fragmentation', () => {
  test('control frames may stand between fragments, and are given at once', () => {
    const stream = Buffer.concat([
      text('a', first),
      ping('1'),
      goOn('b', first),
      pong('2'),
      goOn('c')
    ])
    expect(decode(stream)).toEqual(['ping 31', 'pong 32', 'text abc'])
  })

  test('a message may have empty fragments, and be of nothing else', () => {
    const stream = Buffer.concat([text('', first), goOn('', first), goOn('')])
    expect(decode(stream)).toEqual(['text'.concat(' ')])
  })

  test('another message within a message fails: 1002', () => {
    expect(decode(Buffer.concat([text('a', first), text('b')]))).toEqual(['fails 1002'])
    expect(decode(Buffer.concat([text('a', first), binary('b', first)]))).toEqual(['fails 1002'])
  })

  test('a continuation of nothing fails: 1002', () => {
    expect(decode(goOn('a'))).toEqual(['fails 1002'])
    expect(decode(Buffer.concat([text('a'), goOn('b', first)]))).toEqual(['text a', 'fails 1002'])
  })
})

describe('RFC 6455, 5.5: control frames', () => {
  test('one of 125 bytes is taken, a longer one fails: 1002', () => {
    expect(decode(ping(Buffer.alloc(125)))).toEqual([`ping ${'00'.repeat(125)}`])
    for (const opcode of [8, 9, 10])
      expect(decode(frame({ opcode, payload: Buffer.alloc(126, 3) }))).toEqual(['fails 1002'])
  })

  test('a fragmented one fails: 1002', () => {
    for (const opcode of [8, 9, 10])
      expect(decode(frame({ opcode, isLast: false }))).toEqual(['fails 1002'])
  })
})

describe('RFC 6455, 5.5.1 and 7.4: close', () => {
  test('without a code it is 1005', () => {
    expect(decode(close())).toEqual(['close 1005'])
  })

  test('what follows it is ignored, also what would fail', () => {
    const stream = Buffer.concat([close(1000, 'bye'), text('late'), frame({ opcode: 3 })])
    expect(decode(stream)).toEqual(['close 1000 bye'])
    expect(decode(stream, byteByByte(stream))).toEqual(['close 1000 bye'])
  })

  test('half a code fails: 1002', () => {
    expect(decode(frame({ opcode: 8, payload: Buffer.from([3]) }))).toEqual(['fails 1002'])
  })

  test('a reason that is not UTF-8 fails: 1007', () => {
    expect(decode(close(1000, Buffer.from([0xc3])))).toEqual(['fails 1007'])
  })

  test('every number is a close code or fails with 1002', () => {
    for (let code = 0; code < 65_536; code++) {
      const may =
        (code >= 1000 && code <= 1003) ||
        (code >= 1007 && code <= 1014) ||
        (code >= 3000 && code <= 4999)
      const expected = may ? `close ${code}` : 'fails 1002'
      if (decode(close(code))[0] !== expected) expect.unreachable(`${code}: not ${expected}`)
    }
  })
})

describe('RFC 6455, 8.1: text that is not UTF-8', () => {
  test('fails as soon as it is wrong, and not when the message ends: 1007', () => {
    expect(decode(Buffer.concat([text('ok', first), goOn(Buffer.from([0xff]), first)]))).toEqual([
      'fails 1007'
    ])
    // In a frame of which the rest has not come.
    const begun = text(Buffer.concat([Buffer.from([0xed, 0xa0]), Buffer.alloc(100)]))
    expect(decode(begun.subarray(0, 8))).toEqual(['fails 1007'])
  })

  test('may be cut within a character, by fragments and by the network', () => {
    const word = Buffer.from('κόσμε 😀')
    const stream = Buffer.concat([
      ...Array.from(word.subarray(0, -1), (byte, at) =>
        at === 0 ? text(Buffer.from([byte]), first) : goOn(Buffer.from([byte]), first)
      ),
      goOn(word.subarray(-1))
    ])
    expect(decode(stream)).toEqual(['text κόσμε 😀'])
    expect(decode(stream, byteByByte(stream))).toEqual(['text κόσμε 😀'])
    const whole = text(word)
    expect(decode(whole, byteByByte(whole))).toEqual(['text κόσμε 😀'])
  })

  test('may not end within a character: 1007', () => {
    const half = Buffer.from('é').subarray(0, 1)
    expect(decode(text(half))).toEqual(['fails 1007'])
    expect(decode(Buffer.concat([text(half, first), goOn('')]))).toEqual(['fails 1007'])
  })

  test('is nobody’s concern in binary messages', () => {
    expect(decode(binary(Buffer.from([0xff, 0xc0])))).toEqual(['binary ffc0'])
  })
})

describe('RFC 6455, 10.4: bounds', () => {
  test('a message over maxMessageBytes fails by its header, before its bytes have come: 1009', () => {
    const stream = binary(Buffer.alloc(11))
    expect(decode(stream.subarray(0, 6), { maxMessageBytes: 10 })).toEqual(['fails 1009'])
    expect(decode(binary(Buffer.alloc(10)), { maxMessageBytes: 10 })).toHaveLength(1)
    expect(decode(bytes('82 ff 0000ffffffffffff 00000000'))).toEqual(['fails 1009'])
  })

  test('the fragments of a message count together: 1009', () => {
    const stream = Buffer.concat([binary(Buffer.alloc(6), first), goOn(Buffer.alloc(5))])
    expect(decode(stream, { maxMessageBytes: 10 })).toEqual(['fails 1009'])
    expect(decode(stream, { maxMessageBytes: 11 })).toHaveLength(1)
  })

  test('more than maxFragments of them fail, also empty ones: 1008', () => {
    const four = [text('', first), goOn('', first), goOn('', first), goOn('', first)]
    expect(decode(Buffer.concat([...four.slice(0, 3), goOn('')]), { maxFragments: 4 })).toEqual([
      'text '
    ])
    expect(decode(Buffer.concat([...four, goOn('')]), { maxFragments: 4 })).toEqual(['fails 1008'])
  })

  test('a long message that is promised costs memory only as it comes', () => {
    const decoder = new WebSocketDecoder({ role: 'server', maxMessageBytes: 2 ** 30 })
    const before = process.memoryUsage().arrayBuffers
    decoder.push(bytes('82 ff 0000000040000000 00000000 01 02 03'), {
      onMessage: () => {},
      onPing: () => {},
      onPong: () => {},
      onClose: () => {}
    })
    expect(decoder.bufferedBytes).toBe(3)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024)
  })
})
