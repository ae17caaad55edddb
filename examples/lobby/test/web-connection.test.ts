// How the players' page comes to the server and back: web/connection.js over a socket that is made
// up and a clock that is turned by hand.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  Connection,
  DEAD_IN_MATCH_MS,
  DEAD_MS,
  FIRST_RETRY_MS,
  MOST_RETRY_MS,
  PING_MS,
  PROTOCOL_VERSION
} from '../web/connection.js'
import { wordsOfEnd, wordsOfStatus } from '../web/words.js'
import { PROTOCOL_VERSION as SERVER_VERSION, type ServerMessage } from '../wire/protocol.ts'

class FakeSocket {
  readonly sent: { type: string; [field: string]: unknown }[] = []
  isClosed = false
  onmessage: ((event: { data: string }) => void) | undefined
  onclose: (() => void) | undefined

  send(text: string): void {
    this.sent.push(JSON.parse(text))
  }

  close(): void {
    this.isClosed = true
  }

  hears(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) })
  }

  /** The server, or the network, ends it. */
  ends(): void {
    this.onclose?.()
  }
}

type Seat = { name: string; token: string } | undefined

const hello = { type: 'hello', version: PROTOCOL_VERSION, maxFrameBytes: 4096 }

function page(seat?: Seat) {
  const sockets: FakeSocket[] = []
  const heard: ServerMessage[] = []
  const kept = { seat }
  const keeper = {
    read: () => kept.seat,
    write: (next: Seat) => {
      kept.seat = next
    }
  }
  const listener = {
    onMessage: (message: ServerMessage) => void heard.push(message),
    onStatus: () => {}
  }
  const connection = new Connection('ws://lobby/play', keeper, listener, () => {
    sockets.push(new FakeSocket())
    return sockets.at(-1) as unknown as WebSocket
  })
  return { connection, sockets, heard, kept, last: () => sockets.at(-1) as FakeSocket }
}

function welcome(token: string): object {
  return { type: 'welcome', name: 'Ann', token, resumeMs: 30_000 }
}

/** A page whose player is signed in. */
function signedIn() {
  const at = page()
  at.connection.signIn('Ann')
  at.last().hears(hello)
  at.last().hears(welcome('one'))
  return at
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('the page speaks the version of the protocol that the server speaks', () => {
  expect(PROTOCOL_VERSION).toBe(SERVER_VERSION)
})

test('a player signs in by name, and the tab keeps the token', () => {
  const { connection, last, kept } = signedIn()
  expect(last().sent[0]).toEqual({ type: 'name', name: 'Ann' })
  expect(connection.status).toEqual({ kind: 'on' })
  expect(kept.seat).toEqual({ name: 'Ann', token: 'one' })
})

test('a refused name is reported, and nothing is tried again by itself', () => {
  const { connection, last, sockets, kept } = page()
  connection.signIn('Bob')
  last().hears(hello)
  last().hears({ type: 'error', code: 'name-taken', message: 'taken' })
  expect(connection.status).toMatchObject({ kind: 'off', reason: 'name-taken' })
  expect(last().isClosed).toBe(true)
  vi.advanceTimersByTime(60_000)
  expect(sockets).toHaveLength(1)
  expect(kept.seat).toBeUndefined()
})

test('a lost connection comes back by the last token, and each return keeps the next one', () => {
  const { connection, last, sockets, kept } = signedIn()
  last().ends()
  expect(connection.status).toMatchObject({ kind: 'waiting' })
  expect(wordsOfStatus(connection.status, performance.now())).toContain(
    'Your seat is reserved for 30 s.'
  )
  vi.advanceTimersByTime(FIRST_RETRY_MS * 1.5)
  expect(sockets).toHaveLength(2)
  last().hears(hello)
  expect(last().sent).toEqual([{ type: 'resume', token: 'one' }])
  last().hears(welcome('two'))
  expect(connection.status).toEqual({ kind: 'on' })
  expect(kept.seat?.token).toBe('two')
})

test('it tries less and less often while nobody answers, and at once when it is asked to', () => {
  const { connection, last, sockets } = signedIn()
  last().ends()
  const pausesMs: number[] = []
  for (let tries = 0; tries < 8; tries++) {
    const fromMs = performance.now()
    const before = sockets.length
    while (sockets.length === before) vi.advanceTimersByTime(10)
    pausesMs.push(performance.now() - fromMs)
    last().ends()
  }
  expect(pausesMs[0]).toBeLessThan(FIRST_RETRY_MS * 1.4)
  expect(pausesMs[7]).toBeGreaterThan(pausesMs[0])
  expect(pausesMs[7]).toBeLessThan(MOST_RETRY_MS * 1.4)
  const before = sockets.length
  connection.retryNow()
  expect(sockets).toHaveLength(before + 1)
})

test('a reloaded page takes its seat by the token that the tab has kept', () => {
  const { connection, last } = page({ name: 'Ann', token: 'one' })
  connection.comeBack()
  expect(connection.status).toEqual({ kind: 'connecting', isReturn: true })
  last().hears(hello)
  expect(last().sent).toEqual([{ type: 'resume', token: 'one' }])
})

test.each(['bad-token', 'token-used', 'token-expired'])(
  'a seat that is gone (%s) leads to the door, with a reason',
  (code) => {
    const { connection, last, kept } = page({ name: 'Ann', token: 'one' })
    connection.comeBack()
    last().hears(hello)
    last().hears({ type: 'error', code, message: 'no' })
    expect(connection.status).toMatchObject({ kind: 'off', reason: code })
    expect(wordsOfEnd(code as 'bad-token')).not.toBe('')
    expect(kept.seat).toBeUndefined()
  }
)

test.each(['replaced', 'flood', 'idle', 'frame-too-large'])(
  'who is sent away (%s) does not come back by itself',
  (code) => {
    const { connection, last, sockets, heard } = signedIn()
    last().hears({ type: 'error', code, message: 'goodbye' })
    last().ends()
    vi.advanceTimersByTime(60_000)
    expect(connection.status).toMatchObject({ kind: 'off', reason: code })
    expect(sockets).toHaveLength(1)
    expect(heard.map(({ type }) => type)).toEqual(['welcome'])
  }
)

test('a server that is full ends a first try with a reason, and a return is tried again', () => {
  const full = { type: 'error', code: 'server-full', message: 'full' }
  const first = page()
  first.connection.signIn('Ann')
  first.last().hears(full)
  expect(first.connection.status).toMatchObject({ kind: 'off', reason: 'server-full' })

  const { connection, last, sockets } = signedIn()
  last().ends()
  vi.advanceTimersByTime(FIRST_RETRY_MS * 1.5)
  last().hears(full)
  last().ends()
  expect(connection.status).toMatchObject({ kind: 'waiting', reason: 'server-full' })
  vi.advanceTimersByTime(MOST_RETRY_MS)
  expect(sockets.length).toBeGreaterThan(2)
})

test('a return whose token came too late is tried again, with the same token', () => {
  const { connection, last, sockets } = signedIn()
  last().ends()
  vi.advanceTimersByTime(FIRST_RETRY_MS * 1.5)
  last().hears({ type: 'error', code: 'sign-in-timeout', message: 'too late' })
  last().ends()
  expect(connection.status.kind).toBe('waiting')
  vi.advanceTimersByTime(MOST_RETRY_MS)
  expect(sockets.length).toBeGreaterThan(2)
})

test('a return is tried again, with the same token, while the servers lose each other', () => {
  const { connection, last, sockets } = signedIn()
  last().ends()
  vi.advanceTimersByTime(FIRST_RETRY_MS * 1.5)
  const before = sockets.length
  last().hears({ type: 'error', code: 'cluster-away', message: 'in a moment' })
  expect(connection.status).toMatchObject({ kind: 'waiting', reason: 'cluster-away' })
  vi.advanceTimersByTime(MOST_RETRY_MS)
  expect(sockets.length).toBeGreaterThan(before)
})

test('a refusal of a command is handed on, and changes nothing about the connection', () => {
  const { connection, last, heard } = signedIn()
  last().hears({ type: 'error', code: 'room-full', message: 'full' })
  expect(connection.status).toEqual({ kind: 'on' })
  expect(heard.at(-1)).toMatchObject({ type: 'error', code: 'room-full' })
})

test('a server that says goodbye is waited for', () => {
  const { connection, last } = signedIn()
  last().hears({ type: 'bye' })
  last().ends()
  expect(connection.status).toMatchObject({ kind: 'waiting', reason: 'bye' })
  expect(wordsOfStatus(connection.status, performance.now())).toContain('The server shut down.')
})

test('a server of another version asks for a new page', () => {
  const { connection, last } = page()
  connection.signIn('Ann')
  last().hears({ ...hello, version: PROTOCOL_VERSION + 1 })
  expect(connection.status).toMatchObject({ kind: 'off', reason: 'other-version' })
})

test('the answer to a ping is the latency, and a ping without an answer is a dead connection', () => {
  const { connection, last } = signedIn()
  while (last().sent.at(-1)?.type !== 'ping') vi.advanceTimersByTime(10)
  vi.advanceTimersByTime(30)
  last().hears({ type: 'pong', id: last().sent.at(-1)?.id })
  expect(connection.latencyMs).toBeCloseTo(30)
  vi.advanceTimersByTime(PING_MS + 1_000)
  expect(last().sent.filter(({ type }) => type === 'ping')).toHaveLength(2)
  const before = last()
  vi.advanceTimersByTime(DEAD_MS + 1_000)
  expect(connection.status.kind).not.toBe('on')
  expect(before.isClosed).toBe(true)
})

test('in a match a dead connection is noticed sooner, and not while states come in', () => {
  const { connection, last } = signedIn()
  connection.isPlaying = true
  for (let ms = 0; ms < 10_000; ms += 100) {
    vi.advanceTimersByTime(100)
    last().hears({ type: 'state', match: 1, tick: ms, seqs: [], view: {} })
  }
  expect(connection.status).toEqual({ kind: 'on' })
  vi.advanceTimersByTime(DEAD_IN_MATCH_MS + 1_000)
  expect(connection.status.kind).not.toBe('on')
})

test('what a connection says that was dropped is not heard any more', () => {
  const { connection, sockets, heard } = signedIn()
  sockets[0].ends()
  vi.advanceTimersByTime(FIRST_RETRY_MS * 1.5)
  sockets[0].hears({ type: 'chat', from: 'Bob', to: 'lobby', text: 'late' })
  sockets[0].ends()
  expect(heard.map(({ type }) => type)).toEqual(['welcome'])
  expect(connection.status).toMatchObject({ kind: 'connecting' })
})

test('who signs out gives the seat up, even while the connection is lost', () => {
  const { connection, last, kept } = signedIn()
  connection.signOut()
  expect(last().sent.at(-1)).toEqual({ type: 'sign-out' })
  last().hears({ type: 'signed-out' })
  expect(connection.status).toMatchObject({ kind: 'off', reason: 'signed-out' })
  expect(kept.seat).toBeUndefined()

  const lost = signedIn()
  lost.last().ends()
  lost.connection.signOut()
  vi.advanceTimersByTime(60_000)
  expect(lost.sockets).toHaveLength(1)
})

test('what is said while the connection is lost is not sent later', () => {
  const { connection, last, sockets } = signedIn()
  last().ends()
  connection.send({ type: 'say', text: 'hello?' })
  vi.advanceTimersByTime(FIRST_RETRY_MS * 1.5)
  last().hears(hello)
  last().hears(welcome('two'))
  expect(sockets.flatMap(({ sent }) => sent).some(({ type }) => type === 'say')).toBe(false)
})

test.each(['bye', 'without a word'])(
  'a server that was restarted (%s) has the player again at once, under the same name',
  (how) => {
    const { connection, last, heard } = signedIn()
    if (how === 'bye') last().hears({ type: 'bye' })
    last().ends()
    if (how === 'bye')
      expect(wordsOfStatus(connection.status, performance.now())).not.toMatch('seat')
    vi.advanceTimersByTime(FIRST_RETRY_MS * 1.5)
    last().hears(hello)
    last().hears({ type: 'error', code: 'token-expired', message: 'gone' })
    expect(last().sent.slice(0, 2)).toMatchObject([
      { type: 'resume', token: 'one' },
      { type: 'name', name: 'Ann' }
    ])
    last().hears(welcome('two'))
    expect(connection.status).toEqual({ kind: 'on', isRestarted: true })
    expect(heard.map(({ type }) => type)).not.toContain('error')
    // And after that a lost connection is one again
    last().ends()
    vi.advanceTimersByTime(FIRST_RETRY_MS * 1.5)
    last().hears(hello)
    expect(last().sent[0]).toMatchObject({ type: 'resume', token: 'two' })
    last().hears(welcome('three'))
    expect(connection.status).toEqual({ kind: 'on' })
  }
)

test('who was really away for too long, or whose name is taken meanwhile, comes to the door', () => {
  const late = signedIn()
  late.last().ends()
  vi.advanceTimersByTime(FIRST_RETRY_MS * 1.5)
  vi.advanceTimersByTime(40_000)
  late.last().hears(hello)
  late.last().hears({ type: 'error', code: 'token-expired', message: 'gone' })
  expect(late.connection.status).toMatchObject({ kind: 'off', reason: 'token-expired' })

  const { connection, last } = signedIn()
  last().ends()
  vi.advanceTimersByTime(FIRST_RETRY_MS * 1.5)
  last().hears(hello)
  last().hears({ type: 'error', code: 'bad-token', message: 'gone' })
  last().hears({ type: 'error', code: 'name-taken', message: 'taken' })
  expect(connection.status).toMatchObject({ kind: 'off', reason: 'name-taken' })
})
