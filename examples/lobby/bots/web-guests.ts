// Those that attack the web port: each breaks one rule of WebSockets, or keeps to all of them and
// costs what it can, and expects to be disconnected for it.
import { WebSocketEncoder } from 'pollport/websocket'
import { Bot, type Deed } from './bot.ts'
import type { Speech } from './line.ts'

const REQUEST = Buffer.from(
  [
    'GET /play HTTP/1.1',
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    '\r\n'
  ].join('\r\n')
)
const client = new WebSocketEncoder({ role: 'client' })
const server = new WebSocketEncoder({ role: 'server' })
const MASK = [0x80, 0, 0, 0, 0]

/** It says nothing of the game: all it does is bytes, at each of its turns. */
abstract class WebGuest extends Bot {
  override readonly isHonest = false
  override readonly speaks: Speech = 'bytes'
  #turns = 0

  /** `turn` counts from 0 on each connection. */
  protected abstract attack(turn: number): Deed

  protected override onConnected(): void {
    this.#turns = 0
  }

  protected override comeIn(): Deed {
    return this.attack(this.#turns++)
  }

  protected live(): undefined {
    return undefined
  }

  protected override onGone(): number {
    return this.between(50, 150)
  }

  protected override expects(kind: string): boolean {
    return ['closed without a word', 'ECONNRESET', 'EPIPE', 'ECONNABORTED'].includes(kind)
  }
}

/** What no client may send, one after the other. */
const BROKEN_FRAMES = [
  server.encode('a frame without a mask'),
  Buffer.from([0x83, ...MASK]), // a reserved opcode
  Buffer.from([0xf1, ...MASK]), // reserved bits
  Buffer.from([0x09, ...MASK]), // a ping that is fragmented
  Buffer.from([0x80, ...MASK]), // a fragment that continues nothing
  Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28]), // text that is no UTF-8
  Buffer.from([0x88, 0x81, 0, 0, 0, 0, 1]), // half a close code
  // A message in too many fragments
  Buffer.from([0x01, ...MASK, ...Array.from({ length: 100 }, () => [0x00, ...MASK]).flat()])
]

/** Breaks a rule of the framing, is disconnected, and comes back with the next one. */
export class FrameBreaker extends WebGuest {
  #next = 0

  protected attack(turn: number): Deed {
    if (turn > 0) return {}
    const broken = BROKEN_FRAMES[this.#next++ % BROKEN_FRAMES.length]
    return { bytes: Buffer.concat([REQUEST, broken]) }
  }
}

/** Pings far too much; each asks for a pong. */
export class PingFlooder extends WebGuest {
  protected attack(turn: number): Deed {
    const pings = Array.from({ length: 500 }, () => client.ping('are you there?'))
    return { bytes: Buffer.concat([...(turn === 0 ? [REQUEST] : []), ...pings]), pauseMs: 50 }
  }
}

/** Announces a message of a terabyte, and sends it, whatever the server says. */
export class HugeSender extends WebGuest {
  override readonly endsWithPeer = false

  protected attack(turn: number): Deed {
    const header = Buffer.from([0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    const part = Buffer.alloc(64 * 1024)
    return { bytes: turn === 0 ? Buffer.concat([REQUEST, header, part]) : part, pauseMs: 50 }
  }
}

/** Gets a close frame for what it sent, does not answer it, and goes on. */
export class NoCloser extends WebGuest {
  override readonly endsWithPeer = false

  protected attack(turn: number): Deed {
    const message = client.encode(Buffer.alloc(100))
    return { bytes: turn === 0 ? Buffer.concat([REQUEST, message]) : message, pauseMs: 200 }
  }
}

/** Sends its request byte by byte, and so slowly that its time is up before that. */
export class SlowHandshaker extends WebGuest {
  protected attack(turn: number): Deed {
    const at = turn % (REQUEST.length - 1)
    return { bytes: REQUEST.subarray(at, at + 1), pauseMs: this.between(200, 400) }
  }
}
