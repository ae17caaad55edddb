// A WebSocket without the SDK, by `ws`, which the default transport brings along; and requests by
// hand.
import { connect } from 'node:net'
import { Protocol } from '@colyseus/sdk'
import { type ClientOptions, WebSocket } from 'ws'

export interface Ended {
  /** What came, in hexadecimal. */
  messages: string[]
  code: number
}

/** Opens a path and sends what it is given; `messages` grows until the end. */
export function startExchange(
  port: number,
  path: string,
  ...data: Uint8Array[]
): { messages: string[]; ended: Promise<Ended> } {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`)
  const messages: string[] = []
  socket.on('open', () => {
    for (const bytes of data) socket.send(bytes)
  })
  socket.on('message', (message: Buffer) => messages.push(message.toString('hex')))
  socket.on('error', () => {})
  const ended = new Promise<Ended>((resolve) =>
    socket.on('close', (code) => resolve({ messages, code }))
  )
  return { messages, ended }
}

/** The same, and waits for the end. */
export function exchange(port: number, path: string, ...data: Uint8Array[]): Promise<Ended> {
  return startExchange(port, path, ...data).ended
}

interface Seat {
  sessionId: string
  roomId: string
  processId: string
}

/** A room's seat, by http. */
export async function reserveSeat(port: number, options: object = {}): Promise<Seat> {
  const response = await fetch(`http://127.0.0.1:${port}/matchmake/joinOrCreate/game`, {
    method: 'POST',
    body: JSON.stringify(options),
    headers: { 'content-type': 'application/json' }
  })
  return (await response.json()) as Seat
}

/** Where a seat is taken. */
export const pathOf = ({ processId, roomId, sessionId }: Seat): string =>
  `/${processId}/${roomId}?sessionId=${sessionId}`

/** A client of a room by `ws`, whose options can do what the SDK does not. */
export async function joinWithoutSdk(port: number, options?: ClientOptions): Promise<WebSocket> {
  const path = pathOf(await reserveSeat(port))
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, options)
  await new Promise((resolve, reject) => {
    socket.once('message', resolve)
    socket.on('error', reject)
  })
  // The room's word that the client has joined is answered by the same.
  socket.send(Uint8Array.of(Protocol.JOIN_ROOM))
  return socket
}

/**
 * Writes requests by hand on one connection, each when the one before is answered. Returns what is
 * answered until the connection ends, or until there are so many answers.
 */
export async function ask(
  port: number,
  requests: string[],
  answers = Number.POSITIVE_INFINITY
): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const rest = [...requests]
  let answer = ''
  socket.on('error', () => {})
  await new Promise<void>((resolve) => {
    socket.on('close', () => resolve())
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
      const answered = statuses(answer).length
      if (answered >= answers) socket.destroy()
      else if (rest.length > 0 && answered > requests.length - rest.length - 1)
        socket.write(rest.shift() as string)
    })
    socket.write(rest.shift() as string)
  })
  return answer
}

/** A request to become a WebSocket, with what a test wants otherwise; undefined leaves one out. */
export function upgradeRequest(
  path: string,
  headers: Record<string, string | undefined> = {}
): string {
  const fields: Record<string, string | undefined> = {
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version': '13',
    ...headers
  }
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}\r\n`]
  )
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`
}

/** The status of each answer. */
export function statuses(answer: string): number[] {
  return [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status))
}
