// What a peer still sends while the last words are on their way to it: end() takes it in, and every
// word arrives. After close() nobody is there to take it, and TCP then answers with a reset, which
// may overtake what the sending system had not sent yet (RFC 1122, 4.2.2.13).
import { type Socket, type TcpConnection, WOULD_BLOCK, type WouldBlock } from 'pollport'
import { expect, test } from 'vitest'
import { openProbe } from '../support/poller-probe.ts'
import { eventually, rawPair } from '../support/raw-pair.ts'

// More segments than a young connection may have on their way (its congestion window, ten at
// first), so that the system still holds some.
const SEGMENTS = 200
const words = Buffer.from(
  Array.from({ length: SEGMENTS }, (_, number) => `word ${number} `).join('')
)

/**
 * A connection that says its last words and leaves; its peer, who has not read them, answers. What
 * becomes of the words there.
 */
async function lastWords(leave: (connection: TcpConnection) => void) {
  const probe = openProbe()
  const { near: peer, far } = rawPair()
  const connection = probe.poller.adopt(far) as TcpConnection
  // A conversation: from then on the peer's system puts its acknowledgements off, in the hope of an
  // answer that takes them along.
  for (let turn = 0; turn < 5; turn++) {
    connection.send('?')
    probe.poller.flush()
    eventually(() => peer.recv(1))
    peer.send(Buffer.from('!'))
    await probe.until('the answer is there', () => probe.bytesOf(connection).length > turn)
  }
  for (let number = 0; number < SEGMENTS; number++) {
    connection.send(`word ${number} `)
    probe.poller.flush()
  }
  leave(connection)
  probe.step()
  const parts: Buffer[] = []
  let outcome: string | undefined
  await probe.until('the peer comes to an end', () => {
    // It sends on until it gets an RST. A reset is reported once: after it, receiving
    // ends as if all had been well.
    outcome = errorOf(() => peer.send(Buffer.from('an answer')))
    const { bytes, end } = readAll(peer)
    parts.push(bytes)
    outcome ??= end
    return outcome !== undefined
  })
  return { got: Buffer.concat(parts), outcome, probe, connection, peer }
}

/** What is there, and how it ends, if it does. */
function readAll(socket: Socket): { bytes: Buffer; end?: string } {
  const parts: Buffer[] = []
  for (;;) {
    const into = Buffer.alloc(4096)
    let length: number | WouldBlock = 0
    const code = errorOf(() => {
      length = socket.recv(into)
    })
    if (code !== undefined) return { bytes: Buffer.concat(parts), end: code }
    if (length === WOULD_BLOCK) return { bytes: Buffer.concat(parts) }
    if (length === 0) return { bytes: Buffer.concat(parts), end: 'the end' }
    parts.push(into.subarray(0, length))
  }
}

function errorOf(action: () => unknown): string | undefined {
  try {
    action()
  } catch (error) {
    return (error as { code?: string }).code
  }
}

test('end() delivers every word, whatever the peer says meanwhile', async () => {
  const { got, outcome, probe, connection, peer } = await lastWords((connection) =>
    connection.end()
  )
  expect({ got: got.toString(), outcome }).toEqual({ got: words.toString(), outcome: 'the end' })
  peer.close()
  await probe.first('close', connection)
})

test('close() delivers every word, or the peer is told by a reset that it has not got them all', async () => {
  const { got, outcome, probe, connection } = await lastWords((connection) => connection.close())
  const close = await probe.first('close', connection)
  expect(close.error).toBeUndefined()
  expect(words.subarray(0, got.length)).toEqual(got)
  if (got.length === words.length)
    expect(outcome).toMatch(/^(the end|EPIPE|ECONNRESET|ECONNABORTED)$/)
  else expect(outcome).toMatch(/^(ECONNRESET|ECONNABORTED)$/)
})
