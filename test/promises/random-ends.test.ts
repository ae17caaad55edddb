// Ten thousand connections (two thousand on Windows) that talk and end at random, by either side,
// with operations pending: nothing is lost, doubled, or out of order.
import type { SocketError, TcpConnection } from 'pollport'
import { expect, test } from 'vitest'
import { startChild } from '../support/child.ts'
import { LOCAL } from '../support/net-peer.ts'
import { openProbe } from '../support/poller-probe.ts'
import { newSeed, randomFrom } from '../support/poller-random.ts'
import { isWindows } from '../support/system.ts'

const COUNT = isWindows ? 2_000 : 10_000
const DEADLINE_MS = 100_000

/** What the server knows of a connection: the client's number, then words that count up from 0. */
class Listening {
  number = -1
  words = 0
  ended = false
  closes = 0
  broken = false
  gaveUp = false
  /** Something was sent to it: if it has closed meanwhile, it answers with a reset. */
  wasAnswered = false
  /** What its `close` said. */
  error: SocketError | undefined
  #rest = Buffer.alloc(0)

  take(data: Buffer): void {
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, data]) : data
    for (; bytes.length >= 4; bytes = bytes.subarray(4)) {
      const word = bytes.readUInt32LE()
      if (this.number < 0) this.number = word
      else if (word !== this.words++) this.broken = true
    }
    this.#rest = Buffer.from(bytes)
  }
}

test('random closes and resets by either end lose nothing, double nothing, and keep the order', {
  timeout: DEADLINE_MS + 20_000
}, async () => {
  const seed = newSeed()
  const random = randomFrom(seed)
  const probe = openProbe()
  probe.keeps = false
  const all: Listening[] = []
  const open: TcpConnection<unknown>[] = []
  let [afterClose, closes] = [0, 0]
  let isOver = false
  probe.onEvent = (event) => {
    if (event.type === 'accept') {
      const listening = new Listening()
      event.socket.userPtr = listening
      all.push(listening)
      open.push(event.socket)
      return
    }
    const listening = event.type === 'wake' ? undefined : (event.userPtr as Listening | undefined)
    if (listening === undefined) return
    if (listening.closes > 0) afterClose++
    const socket = (event as { socket: TcpConnection<unknown> }).socket
    if (event.type === 'receive') {
      listening.take(event.data)
      if (isOver && random(4) === 0) {
        listening.wasAnswered = true
        socket.send(event.data)
      }
    } else if (event.type === 'end') {
      listening.ended = true
      socket.end()
    } else if (event.type === 'close') {
      listening.closes++
      listening.error = event.error
      closes++
    }
    if (!isOver || random(40) !== 0) return
    const other = open[random(open.length)]
    const theirs = other.userPtr as Listening
    if (theirs.closes > 0) return
    theirs.gaveUp = true
    if (random(2) === 0) other.close()
    else other.reset()
  }
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0, backlog: 4096 })
  const crowd = startChild(new URL('../support/random-crowd.mjs', import.meta.url), {
    args: [String(listener.localAddress.port), String(COUNT), String(seed)],
    nodeOptions: ['--import', 'tsx'],
    deadlineMs: DEADLINE_MS
  })
  const reaches = async (mark: string) => {
    let found: Record<string, unknown> | undefined
    let failure: unknown
    crowd.at(mark, DEADLINE_MS).then(
      (message) => {
        found = message
      },
      (error) => {
        failure = error
      }
    )
    await probe.until(
      `the crowd comes to "${mark}" (seed ${seed})`,
      () => found !== undefined || failure !== undefined,
      DEADLINE_MS
    )
    if (failure) throw failure
    return found as Record<string, unknown>
  }

  expect(await reaches('connected')).toMatchObject({
    connects: COUNT,
    twice: 0,
    after: 0,
    failed: 0
  })
  await probe.until('all are accepted', () => all.length === COUNT)
  isOver = true
  crowd.go()
  const theirs = await reaches('done')
  await probe.until('every one has closed here too', () => closes === COUNT, DEADLINE_MS)
  crowd.go()

  expect(theirs, `seed ${seed}`).toMatchObject({ closes: COUNT, after: 0, twice: 0 })
  expect({ accepted: all.length, closes, afterClose }, `seed ${seed}`).toEqual({
    accepted: COUNT,
    closes: COUNT,
    afterClose: 0
  })
  expect(
    all.filter(({ broken }) => broken),
    `seed ${seed}`
  ).toEqual([])
  expect(new Set(all.filter(({ number }) => number >= 0).map(({ number }) => number)).size).toBe(
    all.filter(({ number }) => number >= 0).length
  )
  const byNumber = new Map(all.map((listening) => [listening.number, listening]))
  let [whole, overtaken] = [0, 0]
  for (const [number, said] of theirs.said as [number, number][]) {
    const listening = byNumber.get(number)
    // The side that gave up first here has discarded what was still to come.
    if (listening === undefined || listening.gaveUp) continue
    // S.5: on Windows a reset takes with it what was received before it and not read yet; on Linux
    // it does not.
    if (isWindows && listening.wasAnswered) continue
    const { ended, words, error, wasAnswered } = listening
    // An answer that comes to a closed client is answered with a reset, which overtakes what its
    // system had not sent yet: late-answers.test.ts. In 3,506 clients that close() while they talk
    // as fast as they can, 2 had a full congestion window, and lost just what was behind it.
    if (wasAnswered && !ended && error?.code === 'ECONNRESET' && words <= said) {
      overtaken++
      continue
    }
    const about = `client ${number}, seed ${seed}, ${wasAnswered ? '' : 'not '}answered, closed with ${error ?? 'no error'}`
    expect({ ended, words }, about).toEqual({ ended: true, words: said })
    whole++
  }
  expect(whole).toBeGreaterThan(COUNT / 50)
  expect(overtaken, `seed ${seed}`).toBeLessThanOrEqual(whole / 100)
  expect(probe.poller.stats).toMatchObject({ sockets: 1 })
  expect((await crowd.ended).code).toBe(0)
})
