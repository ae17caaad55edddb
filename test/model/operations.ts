// The random programs: which operations there are, how a seed makes a list of them, and how one is
// read. Does not use sockets: an operation names its objects by small numbers ("link 3"), and
// is passed over when there is no such thing at that moment. So any part of a program is a program.
import { randomFrom } from '../support/poller-random.ts'

export const COUNTS = { pollers: 4, listeners: 3, links: 24, udps: 5, webs: 8 } as const

/** What a number of an operation chooses from. */
const ranges = {
  poller: COUNTS.pollers,
  listener: COUNTS.listeners,
  link: COUNTS.links,
  side: 2,
  udp: COUNTS.udps,
  other: COUNTS.udps,
  web: COUNTS.webs,
  form: 4,
  size: 0,
  ms: 0,
  bytes: 0,
  choice: 4
}
type Range = keyof typeof ranges

// Weight, then the arguments of each operation.
const catalogue = {
  listen: [2, 'listener', 'poller'],
  closeListener: [1, 'listener'],
  pauseListener: [1, 'listener'],
  resumeListener: [3, 'listener'],
  connect: [110, 'link', 'poller', 'listener', 'choice'],
  send: [150, 'link', 'side', 'size', 'form'],
  broadcast: [6, 'poller', 'size', 'form'],
  pause: [12, 'link', 'side'],
  resume: [24, 'link', 'side'],
  end: [20, 'link', 'side'],
  close: [18, 'link', 'side'],
  reset: [9, 'link', 'side'],
  setIdleTimeout: [6, 'link', 'side', 'ms'],
  detach: [5, 'link', 'side'],
  rawSend: [8, 'link', 'side', 'size'],
  rawReceive: [8, 'link', 'side', 'bytes'],
  adopt: [12, 'link', 'side', 'poller'],
  move: [6, 'link', 'side', 'poller'],
  bind: [4, 'udp', 'poller'],
  datagram: [30, 'udp', 'other', 'bytes'],
  pauseUdp: [2, 'udp'],
  resumeUdp: [4, 'udp'],
  closeUdp: [1, 'udp'],
  webOpen: [12, 'web', 'poller', 'poller', 'form'],
  webSend: [40, 'web', 'side', 'size', 'form'],
  webFragments: [8, 'web', 'side', 'bytes'],
  webPing: [4, 'web', 'side'],
  webPublish: [6, 'poller', 'size', 'form'],
  webPause: [4, 'web', 'side'],
  webResume: [8, 'web', 'side'],
  webClose: [5, 'web', 'side', 'choice'],
  webTerminate: [3, 'web', 'side'],
  wake: [8, 'poller'],
  flush: [20, 'poller'],
  wait: [220, 'poller', 'ms'],
  reopen: [0.2, 'poller'],
  settle: [1.2]
} as const satisfies Record<string, readonly [number, ...Range[]]>

export type Name = keyof typeof catalogue
export interface Operation {
  readonly name: Name
  readonly numbers: readonly number[]
  /** It is done while the program handles its next event. */
  readonly inEvent: boolean
}

const names = Object.keys(catalogue) as Name[]
const totalWeight = names.reduce((sum, name) => sum + catalogue[name][0], 0)
const neverInEvents = new Set<Name>(['wait', 'settle'])

/**
 * Sizes around what the poller, TCP and the system have their borders at. 16,384 is the mark of one
 * of the pollers, 8,192 where a send leaves at once.
 */
const borders = [
  0, 1, 1447, 1448, 1449, 4095, 8191, 8192, 8193, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537
]

function sizeFrom(random: (limit: number) => number): number {
  const kind = random(400)
  if (kind === 0) return 1024 * 1024 + random(3) - 1
  if (kind < 120) return borders[random(borders.length)]
  return kind < 140 ? random(100_000) : random(2000)
}

/** The program of a seed: always the same one. */
export function programOf(seed: number, count: number): Operation[] {
  const random = randomFrom(seed)
  return Array.from({ length: count }, () => {
    let weight = (random(2 ** 30) / 2 ** 30) * totalWeight
    const name =
      names.find((each) => {
        weight -= catalogue[each][0]
        return weight < 0
      }) ?? 'wait'
    const [, ...wanted] = catalogue[name] as readonly [number, ...Range[]]
    const numbers = wanted.map((range) => {
      if (range === 'size') return sizeFrom(random)
      if (range === 'ms')
        return name === 'wait' ? Math.max(random(40) - 37, 0) : [0, 1, 3, 10][random(4)]
      if (range === 'bytes') return random(8) === 0 ? random(65_000) : random(1500)
      return random(ranges[range])
    })
    return { name, numbers, inEvent: !neverInEvents.has(name) && random(4) === 0 }
  })
}

const forms = ['as a Buffer', 'as a view', 'as ASCII text', 'as text']

/** One operation as a line to be read. */
export function lineOf({ name, numbers, inEvent }: Operation): string {
  const [, ...wanted] = catalogue[name] as readonly [number, ...Range[]]
  const said = wanted.map((range, at) => {
    const number = numbers[at]
    if (range === 'side') return number === 0 ? 'near' : 'far'
    if (range === 'form') return forms[number]
    if (range === 'size' || range === 'bytes') return `${number} bytes`
    if (range === 'ms') return `${number} ms`
    return `${range} ${number}`
  })
  return `${inEvent ? '  in the next event: ' : ''}${name} ${said.join(', ')}`.trimEnd()
}
