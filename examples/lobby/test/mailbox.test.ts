// Calls between two threads: their order, how they are gathered, and how much is known to be on its
// way.
import { MessageChannel } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { type Call, Mailbox, ownBytes } from '../gateway/mailbox.ts'
import { until } from './person.ts'

type Post = Parameters<Mailbox['receive']>[0]

/** A mailbox whose other side is in the test's hands. */
function oneSide() {
  const posts: Post[] = []
  const calls: Call[] = []
  const mailbox = new Mailbox({ postMessage: (post: Post) => posts.push(post) }, (call) =>
    calls.push(call)
  )
  return { mailbox, posts, calls }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('what is sent in a turn goes in one post, in its order', async () => {
  const { mailbox, posts } = oneSide()
  mailbox.send('one', 1)
  mailbox.send('two', 2)
  expect(posts).toEqual([])
  await turn()
  mailbox.send('three')
  await turn()
  await turn()
  expect(posts).toEqual([
    {
      calls: [
        ['one', 1],
        ['two', 2]
      ]
    },
    { calls: [['three']] }
  ])
})

test('a flush posts at once, with what was sent before, and nothing twice', async () => {
  const { mailbox, posts } = oneSide()
  mailbox.send('one')
  mailbox.send('two')
  mailbox.flush()
  expect(posts).toEqual([{ calls: [['one'], ['two']] }])
  mailbox.flush()
  mailbox.send('three')
  await turn()
  await turn()
  expect(posts).toHaveLength(2)
})

test('a post is confirmed before its calls are carried out, and they are carried out in order', () => {
  const { mailbox, posts, calls } = oneSide()
  mailbox.receive({ calls: [['one'], ['two']] })
  expect(posts).toEqual([{ isHere: true }])
  expect(calls).toEqual([['one'], ['two']])
  const confirmedFirst: number[] = []
  const other = new Mailbox({ postMessage: () => confirmedFirst.push(1) }, () =>
    confirmedFirst.push(2)
  )
  other.receive({ calls: [['one'], ['two']] })
  expect(confirmedFirst).toEqual([1, 2, 2])
})

test('what is on its way counts with its bytes until the post that it is in is confirmed', async () => {
  const { mailbox, posts } = oneSide()
  expect(mailbox.underWayBytes).toBe(0)
  mailbox.send('bytes', ownBytes(Buffer.alloc(5_000)))
  const first = mailbox.underWayBytes
  expect(first).toBeGreaterThan(5_000)
  expect(first).toBeLessThan(6_000)
  await turn()
  mailbox.send('numbers', new Array(1_000).fill(7))
  mailbox.send('nothing')
  const all = mailbox.underWayBytes
  expect(all - first).toBeGreaterThan(8_000)
  await turn()
  expect(posts).toHaveLength(2)
  expect(mailbox.underWayBytes, 'posted is not confirmed').toBe(all)
  mailbox.receive({ isHere: true })
  expect(mailbox.underWayBytes).toBe(all - first)
  mailbox.receive({ isHere: true })
  expect(mailbox.underWayBytes).toBe(0)
  // What comes in meanwhile is no confirmation.
  mailbox.send('one')
  mailbox.receive({ calls: [['other']] })
  expect(mailbox.underWayBytes).toBeGreaterThan(0)
})

test('bytes travel in a buffer of their own', () => {
  const pooled = Buffer.from('hello')
  expect(pooled.buffer.byteLength).toBeGreaterThan(pooled.length)
  const own = ownBytes(pooled)
  expect(own.buffer.byteLength).toBe(5)
  pooled[0] = 0
  expect(Buffer.from(own).toString()).toBe('hello')
})

test('over a real port: ten thousand calls both ways, in order, and nothing is left on its way', async () => {
  const { port1, port2 } = new MessageChannel()
  onTestFinished(() => port1.close())
  const [here, there]: number[][] = [[], []]
  const one = new Mailbox(port1, ([, number]) => here.push(number as number))
  const other = new Mailbox(port2, ([, number]) => there.push(number as number))
  port1.on('message', (post) => one.receive(post))
  port2.on('message', (post) => other.receive(post))
  for (let number = 0; number < 10_000; number++) {
    one.send('call', number, ownBytes(Buffer.alloc(10)))
    other.send('call', -number)
    if (number % 97 === 0) await turn()
  }
  await until('all have come', () => here.length === 10_000 && there.length === 10_000)
  expect(there).toEqual(Array.from({ length: 10_000 }, (_, number) => number))
  expect(here).toEqual(Array.from({ length: 10_000 }, (_, number) => -number))
  await until('all is confirmed', () => one.underWayBytes === 0 && other.underWayBytes === 0)
})
