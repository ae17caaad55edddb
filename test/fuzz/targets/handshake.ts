// The opening handshake of WebSockets, both sides: whatever a peer sends, and however it is cut, it
// becomes a WebSocket only if it asked, or answered, by the rules; a server answers once, and the
// same; nothing but a refusal comes of the rest; no more is kept than may be. Input: the side and
// what the program wants, two cuts, the stream.
import assert from 'node:assert/strict'
import type { Server as HttpServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { acceptKey } from '../../../lib/websocket/accept-key.ts'
import { Admission } from '../../../lib/websocket/admission.ts'
import { readAnswer } from '../../../lib/websocket/client-handshake.ts'
import { Endpoint } from '../../../lib/websocket/endpoint.ts'
import {
  acceptDeflate,
  acceptedWindowBits,
  parseExtensions
} from '../../../lib/websocket/extensions.ts'
import { WebSocketHandshakeError } from '../../../lib/websocket/handshake-error.ts'
import { HeadReader, parseHead } from '../../../lib/websocket/http-head.ts'
import type { Link, LinkOwner } from '../../../lib/websocket/link.ts'
import {
  PendingHandshake,
  type ServerSide,
  type Servers
} from '../../../lib/websocket/pending-handshake.ts'
import { Topics } from '../../../lib/websocket/topics.ts'
import { Input } from '../input.ts'

const MAX_HEAD_BYTES = 512
/** RFC 6455, 1.3: its example. */
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const PATH = '/play'
const DECISIONS = [undefined, { reject: 401 }, { headers: { 'X-Name': 'v' } }, { protocol: 'b' }]

/** A connection of which only what is sent is of interest. */
class FakeLink implements Link {
  readonly remoteAddress = undefined
  readonly bufferedBytes = 0
  closed = false
  hasEnded = false
  userPtr: unknown
  sent: Buffer = Buffer.alloc(0)

  send(data: Uint8Array | string): boolean {
    assert(!this.hasEnded && !this.closed, 'nothing is sent after the end')
    this.sent = Buffer.concat([this.sent, Buffer.from(data as string, 'latin1')])
    return true
  }

  end(): void {
    this.hasEnded = true
  }

  close(): void {
    this.closed = true
  }

  reset(): void {
    this.closed = true
  }

  requestDrain(): void {}
  pause(): void {}
  resume(): void {}
}

interface Outcome {
  sent: string
  hasEnded: boolean
  handedOver: string | undefined
  errors: string[]
  messages: string[]
}

/** Gives a stream to a server of these options. */
function served(stream: Uint8Array, cuts: Iterable<number>, flags: number): Outcome {
  const outcome: Outcome = {
    sent: '',
    hasEnded: false,
    handedOver: undefined,
    errors: [],
    messages: []
  }
  const endpoint = new Endpoint<unknown>('server', () => ({ set() {}, cancel() {} }), {
    maxHandshakeBytes: MAX_HEAD_BYTES,
    compression: (flags & 2) === 0 ? false : { thresholdBytes: 0 },
    onMessage: (_socket, data, isText) =>
      void outcome.messages.push(`${isText} ${data.toString('hex')}`)
  })
  // The program throws nothing here: what is thrown would be a fault of the library's.
  endpoint.onThrown = (error) => {
    throw error
  }
  const side: ServerSide<unknown> = {
    endpoint,
    admission: new Admission({ path: PATH, protocols: ['a', 'b'], origins: ['https://a.example'] }),
    topics: new Topics<unknown>(() => 0, false),
    http: (flags & 4) === 0 ? undefined : ({ emit: () => true } as unknown as HttpServer),
    onUpgrade: () => DECISIONS[(flags >> 3) & 3],
    onError: (error) => void outcome.errors.push(error.message)
  }
  const link = new FakeLink()
  const door: Servers = {
    servers: [side],
    handOver(_link, bytes) {
      outcome.handedOver = bytes.toString('latin1')
      return { resume() {} } as unknown as Duplex
    },
    onDone() {}
  }
  link.userPtr = new PendingHandshake(link, door, side)
  let at = 0
  for (const cut of [...cuts, stream.length]) {
    const chunk = Buffer.from(stream.subarray(at, Math.max(cut, at)))
    at += chunk.length
    // From here on it is a stream of http's: what follows goes there.
    if (outcome.handedOver !== undefined) outcome.handedOver += chunk.toString('latin1')
    else (link.userPtr as LinkOwner)._onReceive(chunk)
    chunk.fill(0xaa) // what is kept must be its own
  }
  outcome.sent = link.sent.toString('latin1')
  outcome.hasEnded = link.hasEnded
  return outcome
}

function checkServer(stream: Uint8Array, { sent, errors, handedOver, hasEnded }: Outcome): void {
  const text = Buffer.from(stream).toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  if (handedOver !== undefined) {
    assert.equal(handedOver, text, 'http gets every byte')
    assert.deepEqual([sent, errors], ['', []])
    return
  }
  if (sent === '') {
    assert(
      end < 0 && stream.length <= MAX_HEAD_BYTES,
      'a whole head, or too long a one, is answered'
    )
    return
  }
  const status = /^HTTP\/1\.1 (\d{3}) [^\r\n]+\r\n/.exec(sent)?.[1]
  assert(status !== undefined, 'an answer of HTTP')
  if (status !== '101') {
    assert(hasEnded && errors.length === 1, 'a refusal ends the connection, and is reported once')
    assert.equal(sent.split('HTTP/1.1').length, 2, 'one answer')
    return
  }
  assert(end >= 0 && end + 4 <= MAX_HEAD_BYTES)
  // Written once more, and simpler: what a request must have (RFC 6455, 4.2.1).
  const lines = text.slice(0, end).split('\r\n')
  const valuesOf = (name: string) =>
    lines
      .filter((line) => line.toLowerCase().startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).replace(/^[ \t]+|[ \t]+$/g, ''))
  assert.match(lines[0], /^GET ([a-z][\w+.-]*:\/\/[^/?#]*)?\/play([?#]\S*)? HTTP\/1\.[1-9]$/i)
  assert(!/[\0\n\r]/.test(lines.join('')), 'no line within a line')
  assert.equal(valuesOf('host').length, 1)
  assert.deepEqual(valuesOf('sec-websocket-version'), ['13'])
  const keys = valuesOf('sec-websocket-key')
  assert(keys.length === 1 && Buffer.from(keys[0], 'base64').length === 16)
  const [answer] = sent.split('\r\n\r\n')
  assert(answer.includes(`\r\nSec-WebSocket-Accept: ${acceptKey(keys[0])}`))
  assert(valuesOf('upgrade').join().toLowerCase().includes('websocket'))
  assert(valuesOf('connection').join().toLowerCase().includes('upgrade'))
  for (const origin of valuesOf('origin')) assert.equal(origin, 'https://a.example')
  const chosen = /\r\nSec-WebSocket-Extensions: ([^\r]*)/.exec(answer)?.[1]
  if (chosen !== undefined)
    assert(valuesOf('sec-websocket-extensions').length > 0, 'it was offered')
}

/** Gives a stream to a client that has asked. */
function answered(stream: Uint8Array, cuts: Iterable<number>, flags: number): string {
  const asked = {
    key: KEY,
    path: '/',
    host: 'a',
    protocols: (flags & 4) === 0 ? [] : ['a', 'b'],
    hasDeflate: (flags & 2) !== 0,
    headers: {}
  }
  const reader = new HeadReader(MAX_HEAD_BYTES)
  let at = 0
  for (const cut of [...cuts, stream.length]) {
    const chunk = Buffer.from(stream.subarray(at, Math.max(cut, at)))
    at += chunk.length
    try {
      const found = reader.push(chunk)
      if (found === undefined) {
        chunk.fill(0xaa)
        continue
      }
      const { protocol, windowBits } = readAnswer(parseHead(found.head), asked)
      assert(protocol === '' || asked.protocols.includes(protocol), 'what was offered')
      assert(windowBits === 0 || (asked.hasDeflate && windowBits >= 9 && windowBits <= 15))
      const head = found.head.toString('latin1')
      assert(/^HTTP\/1\.1 101[ \r]/.test(head) && head.includes(acceptKey(KEY)))
      const rest = stream.length - found.head.length
      return `open ${protocol} ${windowBits} and ${rest} more`
    } catch (error) {
      if (!(error instanceof WebSocketHandshakeError)) throw error
      return `fails: ${error.message}, ${error.status}`
    }
  }
  return 'waits'
}

/** What a server makes of offers a client takes for an answer, if it offered as ours does. */
function checkExtensions(header: string): void {
  const offers = parseExtensions(header)
  if (offers === undefined) return
  const agreed = acceptDeflate(offers)
  if (agreed === undefined) return
  const accepted = parseExtensions(agreed.answer)
  assert.equal(accepted && acceptedWindowBits(accepted), 15, agreed.answer)
  assert(agreed.windowBits >= 9 && agreed.windowBits <= 15)
}

export function fuzz(data: Uint8Array): void {
  const input = new Input(data)
  const flags = input.byte()
  const cuts = [input.byte(), input.byte() + 128].sort((a, b) => a - b)
  const stream = input.rest()
  const run: (stream: Uint8Array, cuts: Iterable<number>, flags: number) => unknown =
    (flags & 1) === 0 ? served : answered
  const whole = run(stream, [], flags)
  assert.deepEqual(run(stream, stream.keys(), flags), whole, 'byte by byte')
  assert.deepEqual(run(stream, cuts, flags), whole, `cut at ${cuts}`)
  if ((flags & 1) === 0) checkServer(stream, whole as Outcome)
  for (const line of Buffer.from(stream).toString('latin1').split('\r\n'))
    if (/^sec-websocket-extensions:/i.test(line)) checkExtensions(line.slice(25))
}
