// The client for the command line: typed lines in, readable lines out; at a terminal or in a pipe.
// It uses pollport's client side inside Node's own loop, which readline needs.
import { isIP } from 'node:net'
import { createInterface } from 'node:readline'
import { connect as connectTls } from 'node:tls'
import { FrameDecoder, Poller, toDuplex } from 'pollport'
import { games } from '../games/index.ts'
import type { Game } from '../rules/game.ts'
import {
  encode,
  LENGTH_BYTES,
  MAX_REPLY_BYTES,
  parseMessage,
  type Request,
  type ServerMessage
} from '../wire/protocol.ts'
import { KeptAccounts } from './kept-accounts.ts'

const lobbyHelp = `/name Ann      choose your name
/rooms         list the rooms (/rooms 20: from the twentieth on; /rooms den: those with "den" in their names)
/players       who is here, and where
/create Den    open a room, and go in (/private Den: one that only its code opens; "Den | secret": with a password)
/join Den      go into a room, by its name or its code ("Den | secret" if it has a password)
/watch Den     only look on
/quick         a match with anybody of about your skill (/unquick: no longer)
/leave         go back to the lobby
/host Ann      hand your room over to somebody; /kick Ann sends somebody out
/mute Ann      hear no more of Ann's chat (/unmute Ann takes it back); /report Ann | why
/ready         say that you are ready; when all are, the match begins (/unready takes it back)
/say hello     say something to your room, or to the lobby; the same as just typing it
/quit          leave`

const help = [lobbyHelp, ...wordsOfGames()].join('\n')

/** In a match. */
function wordsOfGames(): string[] {
  return [...games.values()].flatMap(({ title, terminal }) =>
    terminal === undefined ? [] : [`${title}:`, terminal.help]
  )
}

/** So that a person who is thinking does not count as idle. */
const CLIENT_PING_MS = 30_000

type Match = Extract<ServerMessage, { type: 'match-started' }>

/** Becomes an 'input' as soon as it is known in which match. */
export interface Play {
  type: 'play'
  input: unknown
}

/**
 * What a typed line means: a command for the server, an input for the game that is played, or one
 * of the client's own words.
 */
export function parseLine(line: string, game?: Game): Request | Play | 'help' | 'quit' | undefined {
  const text = line.trim()
  if (text === '') return undefined
  if (!text.startsWith('/')) return { type: 'say', text }
  const [word] = text.split(' ', 1)
  const rest = text.slice(word.length).trim()
  switch (word) {
    case '/name':
      return { type: 'name', name: rest }
    case '/rooms':
      return /^\d*$/.test(rest)
        ? { type: 'rooms', from: Number(rest) }
        : { type: 'rooms', filter: rest }
    case '/players':
      return { type: 'players', from: Number(rest) || 0 }
    case '/create':
    case '/private':
      return { type: 'create', ...doorOf(rest), ...(word === '/private' ? { private: true } : {}) }
    case '/join':
      return { type: 'join', ...doorOf(rest) }
    case '/watch':
      return { type: 'spectate', ...doorOf(rest) }
    case '/host':
    case '/kick':
      return { type: word === '/host' ? 'host' : 'kick', name: rest }
    case '/mute':
    case '/unmute':
      return { type: 'mute', name: rest, on: word === '/mute' }
    case '/report': {
      const [name, text = 'no reason given'] = rest.split(' | ', 2)
      return { type: 'report', name: name.trim(), text }
    }
    case '/quick':
    case '/unquick':
      return { type: word === '/quick' ? 'queue' : 'unqueue' }
    case '/leave':
      return { type: 'leave' }
    case '/ready':
    case '/unready':
      return { type: 'ready', ready: word === '/ready' }
    case '/say':
      return { type: 'say', text: rest }
    case '/quit':
      return 'quit'
    default: {
      const input = game?.terminal?.parse(word, rest)
      return input === undefined ? 'help' : { type: 'play', input }
    }
  }
}

/** "Den", or "Den | secret". */
function doorOf(text: string): { room: string; password?: string } {
  const [room, password] = text.split(' | ', 2)
  return password === undefined ? { room } : { room: room.trim(), password }
}

/**
 * What a person reads of a message, while `match` is played; undefined for what only programs care
 * about.
 */
export function describe(message: ServerMessage, match?: Match): string | undefined {
  switch (message.type) {
    case 'hello':
      return 'Welcome to the lobby. Choose a name: /name Ann   (/help shows all commands)'
    case 'welcome':
      return `You are ${message.name} now. /rooms shows who plays, /create Den opens a room of your own.`
    case 'rooms':
      return describeRooms(message)
    case 'joined': {
      const members = message.members.map(({ name, ready, away, spectator }) => {
        if (away) return `${name} (away)`
        return spectator ? `${name} (looks on)` : ready ? `${name} (ready)` : name
      })
      const code = message.code === undefined ? '' : ` Others come in by its code: ${message.code}.`
      return `You are in ${message.room}, with: ${members.join(', ')}.${code} /ready when you are.`
    }
    case 'left':
      return `You left ${message.room} and are in the lobby again.`
    case 'member-joined':
      return `* ${message.name} ${message.spectator ? 'looks on' : 'came in'}`
    case 'member-left':
      return `* ${message.name} ${message.kicked ? 'was removed by the host' : 'left'}`
    case 'host':
      return `* ${message.name} is the host now`
    case 'kicked':
      return `The host of ${message.room} removed you.`
    case 'countdown':
      return `*** Everybody is ready. The match begins in ${message.startsInMs / 1000} seconds.`
    case 'countdown-stopped':
      return '*** Not everybody is ready any more.'
    case 'queued':
      return `You wait for a match, with ${message.players - 1} others. Your skill is ${Math.round(message.skill)}.`
    case 'unqueued':
      return 'You wait no longer.'
    case 'held':
      return `A seat in ${message.room} is kept for you for ${message.forMs / 1000} seconds.`
    case 'seat-kept':
      return `* A seat is kept for ${message.name}, for ${message.forMs / 1000} seconds.`
    case 'players':
      return message.players.map(({ name, where }) => `  ${name} (${where})`).join('\n')
    case 'member-away':
      return `* ${message.name} lost the connection and may come back`
    case 'member-back':
      return `* ${message.name} is back`
    case 'ready':
      return `* ${message.name} is ${message.ready ? 'ready' : 'not ready yet'}`
    case 'chat':
      return message.to === 'lobby'
        ? `[lobby] ${message.from}: ${message.text}`
        : `${message.from}: ${message.text}`
    case 'match-started':
      return describeStart(message)
    case 'event': {
      const words = games.get(match?.game ?? '')?.terminal
      return words?.describe(message.event, match?.players ?? [])
    }
    case 'match-ended':
      return `*** The match is over. Winner: ${message.winners.join(' and ') || 'nobody'}. /ready for another one.`
    case 'error':
      return `! ${message.message} (${message.code})`
    case 'announcement':
      return `*** From an operator${message.to === 'you' ? ', to you' : ''}: ${message.text}`
    case 'draining':
      return `The server is about to close, in ${Math.ceil(message.withinMs / 1000)} seconds at the latest.`
    case 'bye':
      return 'The server closes. Goodbye!'
    case 'muted':
      return message.on ? `You no longer hear ${message.name}.` : `You hear ${message.name} again.`
    case 'reported':
      return `The operators will look at what ${message.name} said.`
    case 'pong':
    case 'state': // for eyes, not for lines
    case 'udp':
    case 'rooms-changed':
    case 'signed-out':
    case 'leaders': // no command here asks for these two
    case 'history':
      return undefined
    default:
      message satisfies never
      return undefined // of a newer server
  }
}

function describeStart({ players, endsInMs, game }: Match): string {
  const time = endsInMs === undefined ? '' : `, for ${Math.ceil(endsInMs / 1000)} seconds`
  const help = games.get(game)?.terminal?.help
  return `*** A match: ${players.join(', ')}${time}.${help === undefined ? '' : `\n${help}`}`
}

function describeRooms({ rooms, from, total }: Extract<ServerMessage, { type: 'rooms' }>): string {
  if (rooms.length === 0)
    return total === 0
      ? 'There are no rooms. /create Den opens one.'
      : `There are only ${total} rooms.`
  const lines = rooms.map(({ name, players, capacity, isPlaying, hasPassword }) => {
    return `  ${name}: ${players} of ${capacity}${isPlaying ? ', playing' : ''}${hasPassword ? ', with a password' : ''}`
  })
  const last = from + rooms.length
  if (last < total) lines.push(`  … and ${total - last} more: /rooms ${last}`)
  return ['Rooms:', ...lines].join('\n')
}

export interface ClientOptions {
  /** As it was given: a certificate has to be for it. */
  host: string
  address: string
  port: number
  /** TLS; `ca`: a certificate to trust besides those that Node knows, in PEM. */
  tls: { ca: string | undefined } | undefined
  accounts?: KeptAccounts
}

/** Plays until the person quits, the input ends or the server goes. Returns the exit code. */
export async function runClient(options: ClientOptions): Promise<number> {
  const { host, address, port, tls, accounts = new KeptAccounts() } = options
  const server = `${host}:${port}`
  const poller = new Poller()
  const decoder = new FrameDecoder({ lengthBytes: LENGTH_BYTES, maxFrameBytes: MAX_REPLY_BYTES })
  const raw = toDuplex(poller.connectTcp({ address, port, timeoutMs: 10_000 }))
  const servername = isIP(host) === 0 ? host : ''
  const stream = tls === undefined ? raw : connectTls({ socket: raw, host, servername, ca: tls.ca })
  const isTerminal = Boolean(process.stdin.isTTY && process.stdout.isTTY)
  const terminal = createInterface({
    input: process.stdin,
    output: process.stdout,
    terminal: isTerminal,
    prompt: '> '
  })
  const closed = new AbortController()
  let isQuitting = false
  let exitCode = 0

  const print = (text: string) => {
    // A server must not be able to move the cursor.
    const plain = text.replace(/[^\P{Cc}\n]/gu, '')
    process.stdout.write(isTerminal ? `\r\x1b[K${plain}\n` : `${plain}\n`)
    if (isTerminal && !isQuitting) terminal.prompt(true)
  }
  let match: Match | undefined
  let seq = 0
  const play = ({ input }: Play): Request => {
    return { type: 'input', match: match?.match ?? 0, seq: ++seq, input }
  }
  const send = (command: Request) => {
    if (!isQuitting && stream.writable) stream.write(encode(command))
  }
  const quit = () => {
    if (isQuitting) return
    send({ type: 'sign-out' }) // or the seat would be kept for a while
    isQuitting = true
    terminal.close()
    stream.end() // what was typed still arrives and is answered; then the server ends too
  }

  terminal.on('line', (line) => {
    const meaning = parseLine(line, games.get(match?.game ?? ''))
    if (meaning === 'quit') return quit()
    if (meaning === 'help') print(help)
    else if (typeof meaning === 'object') {
      if (meaning.type === 'play') send(play(meaning))
      else if (meaning.type === 'name') send({ ...meaning, account: accounts.of(server) })
      else send(meaning)
    }
    if (isTerminal) terminal.prompt()
  })
  terminal.on('close', quit) // the end of a pipe, Ctrl-D, Ctrl-C
  const pings = setInterval(() => send({ type: 'ping', id: 0 }), CLIENT_PING_MS)

  const hear = (message: ServerMessage) => {
    if (message.type === 'match-started') match = message
    const text = describe(message, match)
    if (text !== undefined) print(text)
    if (message.type !== 'welcome') return
    const trouble = accounts.keep(server, message.account)
    if (trouble !== undefined) print(`! Your account cannot be kept: ${trouble}`)
  }
  let failure: NodeJS.ErrnoException | undefined
  stream.on('data', (data) => {
    for (const frame of decoder.push(data)) hear(parseMessage(frame))
  })
  stream.on('error', (error) => {
    failure = error
  })
  stream.on('close', () => {
    if (failure !== undefined) {
      exitCode = 1
      const isNobody = failure.code === 'ECONNREFUSED'
      const reason = isNobody
        ? `nobody listens on ${address}:${port}; npm start opens a lobby`
        : failure.message
      isQuitting = true
      print(`The connection is gone: ${reason}`)
    } else if (!isQuitting) print('The server ended the connection.')
    closed.abort()
  })
  await poller.run(() => {}, { signal: closed.signal })
  clearInterval(pings)
  isQuitting = true
  terminal.close()
  poller.close()
  return exitCode
}
