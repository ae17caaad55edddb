// What a client may send: everything else gets a refusal with the right code, and nothing else.

import { expect, test } from 'vitest'
import { defaultLimits } from '../rules/limits.ts'
import { encode, keyOf, parseCommand, parseMessage, Refusal } from '../wire/protocol.ts'
import { TOKEN_CHARS } from '../wire/tokens.ts'

function parse(frame: string | Uint8Array) {
  return parseCommand(Buffer.from(frame as string), defaultLimits)
}

function codeOf(frame: string | Uint8Array): string {
  try {
    return `accepted: ${JSON.stringify(parse(frame))}`
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}

test.each([
  [{ type: 'name', name: 'Ann' }],
  [{ type: 'name', name: 'Élodie 🎲 Ωmega' }],
  [{ type: 'name', name: '__proto__' }],
  [{ type: 'name', name: 'constructor' }],
  [{ type: 'resume', token: 'x'.repeat(TOKEN_CHARS) }],
  [{ type: 'sign-out' }],
  [{ type: 'players', from: 40 }],
  [
    {
      type: 'create',
      room: 'Den',
      capacity: 4,
      private: true,
      password: 'secret',
      game: 'cards',
      settings: { turnMs: 5_000 }
    }
  ],
  [{ type: 'queue', game: 'cards' }],
  [{ type: 'join', room: 'Den', password: undefined }],
  [{ type: 'hold', room: 'Den', password: 'secret' }],
  [{ type: 'spectate', room: 'Den', password: '🎲' }],
  [{ type: 'kick', name: 'Bob' }],
  [{ type: 'host', name: 'Bob' }],
  [{ type: 'leave' }],
  [{ type: 'ready', ready: false }],
  [{ type: 'input', match: 1, seq: 2 ** 32 - 1, input: { direction: 8 } }],
  [{ type: 'udp' }],
  [{ type: 'say', text: 'שלום, नमस्ते, 👩‍👩‍👧' }],
  [{ type: 'ping', id: 7 }]
])('%j is a command', (command) => {
  expect(parse(JSON.stringify(command))).toEqual(command)
})

test('what may be left out is filled in', () => {
  const filter = { text: '', open: false }
  expect(parse('{"type":"rooms"}')).toEqual({ type: 'rooms', from: 0, filter })
  expect(parse('{"type":"watch-rooms"}')).toEqual({ type: 'watch-rooms', on: true, filter })
  expect(parse('{"type":"rooms","from":20,"filter":"den","open":true}')).toEqual({
    type: 'rooms',
    from: 20,
    filter: { text: 'den', open: true }
  })
  expect(parse('{"type":"create","room":"Den"}')).toEqual({
    type: 'create',
    room: 'Den',
    capacity: undefined,
    private: false,
    password: undefined,
    game: undefined,
    settings: undefined
  })
  expect(parse('{"type":"ready"}')).toEqual({ type: 'ready', ready: true })
  expect(parse('{"type":"ping"}')).toEqual({ type: 'ping', id: 0 })
})

test('a command has the fields that it should have and no others', () => {
  expect(parse('{"type":"leave","room":"Den","__proto__":{"admin":true}}')).toEqual({
    type: 'leave'
  })
  expect(({} as { admin?: boolean }).admin).toBeUndefined()
})

test.each([
  [''],
  ['{'],
  ['nonsense'],
  ['{"type":"leave"} {}'],
  ['"leave"'],
  ['7'],
  ['null'],
  ['[]'],
  ['[{"type":"leave"}]']
])('the frame %j is bad JSON', (frame) => {
  expect(codeOf(frame)).toBe('bad-json')
})

test('bytes that are no UTF-8 are bad JSON', () => {
  expect(codeOf(Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]))).toBe('bad-json')
})

test.each([
  [{}],
  [{ type: 7 }],
  [{ type: null }],
  [{ type: ['leave'] }],
  [{ type: 'name' }],
  [{ type: 'name', name: 7 }],
  [{ type: 'name', name: ['Ann'] }],
  [{ type: 'name', name: { toString: 'Ann' } }],
  [{ type: 'create' }],
  [{ type: 'join', room: true }],
  [{ type: 'ready', ready: 'yes' }],
  [{ type: 'ready', ready: 1 }],
  [{ type: 'rooms', from: -1 }],
  [{ type: 'rooms', from: 0.5 }],
  [{ type: 'rooms', from: 1e300 }],
  [{ type: 'rooms', filter: 5 }],
  [{ type: 'rooms', filter: 'x'.repeat(defaultLimits.maxNameChars + 1) }],
  [{ type: 'rooms', open: 'yes' }],
  [{ type: 'watch-rooms', on: 1 }],
  [{ type: 'create', room: 'Den', capacity: -1 }],
  [{ type: 'create', room: 'Den', private: 'yes' }],
  [{ type: 'create', room: 'Den', password: 7 }],
  [{ type: 'join', room: 'Den', password: ['secret'] }],
  [{ type: 'kick' }],
  [{ type: 'host', name: {} }],
  [{ type: 'say' }],
  [{ type: 'say', text: 5 }],
  [{ type: 'ping', id: 'x' }]
])('%j is a bad message', (message) => {
  expect(codeOf(JSON.stringify(message))).toBe('bad-message')
})

test.each([['fly'], ['NAME'], [''], ['__proto__'], ['toString'], ['hello'], ['welcome']])(
  '%j is an unknown command',
  (type) => {
    expect(codeOf(JSON.stringify({ type }))).toBe('unknown-command')
  }
)

test.each([
  ['nothing', ''],
  ['a space', ' '],
  ['a space before', ' Ann'],
  ['a space after', 'Ann '],
  ['two spaces', 'Ann  Lee'],
  ['a new line', 'Ann\nLee'],
  ['a tab', 'Ann\tLee'],
  ['a zero byte', 'Ann\0'],
  ['an escape', 'Ann\x1b[2J'],
  ['a C1 control', 'Ann\x9b2J'],
  ['a zero-width space', 'An\u200bn'],
  ['only a soft hyphen', '\u00ad'],
  ['text turned around', '\u202eAnn'],
  ['a Hangul filler', '\u3164'],
  ['a blank Braille pattern', '\u2800'],
  ['a null notehead', 'Ann\u{1d159}'],
  ['a blank hieroglyph', 'Ann\u{13441}'],
  ['a placeholder of an object', 'Ann\ufffc'],
  ['a stretched join', 'Ann\u0640'],
  ['a stroke through a letter', 'An\u0335n'],
  ['a no-break space', 'Ann\u00a0Lee'],
  ['a line separator', 'Ann\u2028'],
  ['half a surrogate pair', 'Ann\ud800'],
  ['25 characters', 'a'.repeat(25)],
  ['10 kB', 'a'.repeat(10_000)]
])('%s is no name', (_, name) => {
  expect(codeOf(JSON.stringify({ type: 'name', name }))).toBe('bad-name')
  expect(codeOf(JSON.stringify({ type: 'create', room: name }))).toBe('bad-name')
})

test('24 characters are a name, also where each takes two code units', () => {
  expect(codeOf(JSON.stringify({ type: 'name', name: 'a'.repeat(24) }))).toMatch('accepted')
  expect(codeOf(JSON.stringify({ type: 'name', name: '🎲'.repeat(24) }))).toMatch('accepted')
})

test('a name is kept in its composed form', () => {
  expect(parse(JSON.stringify({ type: 'name', name: 'E\u0301lodie' }))).toEqual({
    type: 'name',
    name: '\u00c9lodie'
  })
})

test('names that look alike have the same key', () => {
  expect(keyOf('ANN')).toBe(keyOf('ann'))
  expect(keyOf('\uff21nn')).toBe(keyOf('Ann')) // a full-width A
  expect(keyOf('Ann')).not.toBe(keyOf('Anna'))
})

test.each([
  ['nothing', ''],
  ['spaces', '   '],
  ['301 characters', 'x'.repeat(301)],
  ['an escape', 'look: \x1b[2J'],
  ['a new line', 'one\ntwo'],
  ['text turned around', 'abc\u202edef'],
  ['half a surrogate pair', 'abc\udc00']
])('%s is no chat line', (_, text) => {
  expect(codeOf(JSON.stringify({ type: 'say', text }))).toBe('bad-text')
})

test('the longest chat line fits into a frame', () => {
  const line = { type: 'say', text: '漢'.repeat(defaultLimits.maxTextChars) } as const
  const frame = encode(line)
  expect(frame.length).toBeLessThanOrEqual(defaultLimits.maxFrameBytes)
  expect(parse(frame.subarray(2))).toEqual(line)
})

test('the longest page of rooms fits into a frame', () => {
  const rooms = Array.from({ length: defaultLimits.maxListedRooms }, () => {
    return {
      name: '🎲'.repeat(defaultLimits.maxNameChars),
      players: 8,
      capacity: 8,
      spectators: 16,
      isPlaying: true,
      hasPassword: true
    }
  })
  const message = { type: 'rooms', rooms, from: 10, total: 1000 } as const
  expect(parseMessage(encode(message).subarray(2))).toEqual(message)
})

test('a frame is two bytes of length, the greater first, and that much JSON', () => {
  const json = JSON.stringify({ type: 'say', text: 'x'.repeat(300) })
  const frame = encode({ type: 'say', text: 'x'.repeat(300) })
  expect(frame.readUInt16BE(0)).toBe(json.length)
  expect(frame.subarray(2).toString()).toBe(json)
})
