// What the well-known suite compresses in its cases 12 and 13, made anew: data of the same kinds
// and lengths, the same with each run.
import { patternBytes, randomFrom } from '../support/poller-random.ts'

export interface Payload {
  number: string
  what: string
  isText: boolean
  data: Buffer
}

const words = [
  'port',
  'event',
  'wait',
  'socket',
  'ready',
  'the',
  'of',
  'and',
  'a',
  'loop',
  'kernel'
]

/** Pieces of text until there are so many bytes. */
function textOf(length: number, piece: (random: (below: number) => number) => string): Buffer {
  const random = randomFrom(length)
  const pieces: string[] = []
  for (let bytes = 0; bytes < length; bytes += pieces[pieces.length - 1].length)
    pieces.push(piece(random))
  return Buffer.from(pieces.join('').slice(0, length), 'latin1')
}

const word = (random: (below: number) => number) => words[random(words.length)]

function imageOf(length: number): Buffer {
  const noise = patternBytes(length)
  // A slope with a little noise, as a photograph has it.
  return Buffer.from(noise.map((byte, at) => ((at % 512) >> 1) + (byte & 3)))
}

export const payloads: Payload[] = [
  {
    number: '12.1',
    what: 'JSON',
    isText: true,
    data: textOf(
      194_056,
      (random) => `{"${word(random)}":${random(100_000)},"${word(random)}":[]},\n`
    )
  },
  { number: '12.2', what: 'an image', isText: false, data: imageOf(263_222) },
  {
    number: '12.3',
    what: 'prose',
    isText: false,
    data: textOf(222_218, (random) => `${word(random)}${random(9) === 0 ? '.\r\n' : ' '}`)
  },
  {
    number: '12.4',
    what: 'HTML',
    isText: true,
    data: textOf(263_527, (random) => `<p class="${word(random)}">${word(random)}</p>\n`)
  },
  {
    number: '12.5',
    what: 'a document that is compressed',
    isText: false,
    data: patternBytes(1_042_328)
  }
]

/** Length of a message, and of its fragments; 0 for one frame. */
export const sizes: [length: number, fragment: number][] = [
  [16, 0],
  [64, 0],
  [256, 0],
  [1024, 0],
  [4096, 0],
  [8192, 0],
  [16_384, 0],
  [32_768, 0],
  [65_536, 0],
  [131_072, 0],
  [8192, 256],
  [16_384, 256],
  [32_768, 256],
  [65_536, 256],
  [131_072, 256],
  [131_072, 1024],
  [131_072, 4096],
  [131_072, 32_768]
]

export interface Parameters {
  number: string
  /** What a client offers a server. */
  offer: string
  /** What a server answers the client, which always offers both `no_context_takeover`. */
  answer: string
  /** The window that both leave to the server; the client's is 15 bits. */
  windowBits: number
}

const BOTH = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'
const SERVER = 'permessage-deflate; server_no_context_takeover'

export const parameters: Parameters[] = [
  { number: '13.1', offer: 'permessage-deflate', answer: SERVER, windowBits: 15 },
  { number: '13.2', offer: SERVER, answer: BOTH, windowBits: 15 },
  {
    number: '13.3',
    offer: 'permessage-deflate; server_max_window_bits=9',
    answer: `${SERVER}; server_max_window_bits=9`,
    windowBits: 9
  },
  {
    number: '13.4',
    offer: 'permessage-deflate; server_max_window_bits=15',
    answer: `${SERVER}; server_max_window_bits=15`,
    windowBits: 15
  },
  {
    number: '13.5',
    offer: `${SERVER}; server_max_window_bits=9`,
    answer: `${BOTH}; server_max_window_bits=9`,
    windowBits: 9
  },
  {
    number: '13.6',
    offer: `${SERVER}; server_max_window_bits=15`,
    answer: `${BOTH}; server_max_window_bits=15`,
    windowBits: 15
  },
  {
    number: '13.7',
    offer: `${SERVER}; server_max_window_bits=9, ${SERVER}, permessage-deflate`,
    answer: `${BOTH}; server_max_window_bits=9`,
    windowBits: 9
  }
]
