// The lobby behind its protocol: whatever players send, the rules never break and nobody's answer
// is too long to be sent; a command that is taken means the same when it is sent again; who was
// sent away hears no more, and nobody what is said in a room of others; no room has more players
// than seats; and a token is good once. Input: what four players do, and how time passes.
import assert from 'node:assert/strict'
import { FrameDecoder } from 'pollport'
import { describe } from '../../../examples/lobby/bots/client.ts'
import type { Player } from '../../../examples/lobby/rules/player.ts'
import type { Session } from '../../../examples/lobby/rules/session.ts'
import { Table } from '../../../examples/lobby/test/table.ts'
import {
  encode,
  keyOf,
  LENGTH_BYTES,
  parseCommand,
  parseMessage,
  Refusal
} from '../../../examples/lobby/wire/protocol.ts'
import { Input } from '../input.ts'

const MAX_STEPS = 100
const SEATS = 4
const TYPES = [
  'name',
  'sign-out',
  'rooms',
  'watch-rooms',
  'create',
  'join',
  'leave',
  'ready',
  'input',
  'say',
  'ping',
  'players',
  'hold',
  'spectate',
  'queue',
  'unqueue',
  'kick',
  'host',
  'udp',
  'resume'
]
// What the texts of commands are made of: among them what looks alike, what is not to be seen, and
// what has two halves.
const TEXTS = [
  'Ann',
  'ann',
  'Ａnn',
  'Bo',
  ' ',
  '\u0000',
  '\u202e',
  '\ud800',
  '\ufb01',
  'e\u0301',
  '\u200b',
  'x'.repeat(30),
  '__proto__',
  '😀'
]

/** A connection, and what it has been sent. */
class Seat {
  session: Session
  decoder: FrameDecoder
  isGone = false
  constructor(table: Table) {
    this.session = table.arrive()
    this.decoder = new FrameDecoder({
      lengthBytes: LENGTH_BYTES,
      maxFrameBytes: table.limits.maxFrameBytes
    })
  }
}

/** A command that may be right or wrong in each of its parts. */
function command(input: Input): Buffer {
  const text = Array.from({ length: input.below(4) }, () => TEXTS[input.below(TEXTS.length)]).join(
    ''
  )
  const value = [text, input.byte(), true, null, -1, 2 ** 53, {}, undefined, 2, false][
    input.below(10)
  ]
  return Buffer.from(
    JSON.stringify({
      type: TYPES[input.below(TYPES.length)],
      name: text,
      room: text,
      text,
      ready: value,
      from: value,
      id: value,
      on: value,
      filter: text,
      open: value,
      token: text,
      capacity: value,
      private: value,
      password: [undefined, 'x', '', 7][input.below(4)],
      match: value,
      seq: value,
      direction: value
    })
  )
}

function checkCommand(frame: Uint8Array, table: Table): void {
  try {
    const taken = parseCommand(frame, table.limits)
    const request =
      'filter' in taken ? { ...taken, filter: taken.filter.text, open: taken.filter.open } : taken
    assert.deepEqual(parseCommand(encode(request).subarray(LENGTH_BYTES), table.limits), taken)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
  }
}

export function fuzz(data: Uint8Array): void {
  const input = new Input(data)
  const limits = {
    maxRooms: 2,
    maxRoomPlayers: 3,
    maxSpectators: 1,
    maxListedRooms: 1,
    maxQueued: 2
  }
  const table = new Table({
    burstMessages: 30,
    maxConnections: SEATS,
    'coin-arena.matchMs': 5_000,
    ...limits
  })
  const seats: (Seat | undefined)[] = Array(SEATS).fill(undefined)
  const everybody = new Set<Player>()
  const tokens: string[] = ['']
  const used = new Set<string>()
  /** Of each player. */
  const lastUsed = new Map<Player, string>()

  const named = (name: string) =>
    [...everybody].find((player) => player.name === name && player.session !== undefined)

  const hear = () => {
    for (const seat of seats)
      if (seat?.session.player !== undefined) everybody.add(seat.session.player)
    for (const seat of seats) {
      if (seat === undefined) continue
      const heard = table.heard(seat.session)
      assert(!seat.isGone || heard.length === 0, 'who was sent away hears no more')
      seat.isGone ||= table.dismissed.has(seat.session)
      for (const message of heard) {
        const sent = encode(message).subarray(LENGTH_BYTES)
        assert.deepEqual(parseMessage(sent), message)
        assert.doesNotMatch(
          describe(message) ?? '',
          /[^\P{Cc}\n]/u,
          'nothing moves the cursor of a terminal'
        )
        if (message.type === 'welcome') tokens.push(message.token)
        if (message.type === 'chat' && message.to === 'room') {
          const { room } = seat.session.player as Player
          assert(
            room !== undefined && room === named(message.from)?.room,
            'what is said in a room stays there'
          )
        }
      }
    }
  }
  const resume = (seat: Seat, token: string) => {
    const wasNobody = seat.session.player === undefined
    const unsure = [...lastUsed].filter(([{ hasToken }]) => !hasToken).map(([player]) => player)
    table.do(seat.session, { type: 'resume', token })
    if (!wasNobody || seat.session.player === undefined) return
    const { player } = seat.session
    const isRepeated = unsure.includes(player) && lastUsed.get(player) === token
    assert(isRepeated || !used.has(token), 'a token is good until its player has the next one')
    assert(token !== '')
    used.add(token)
    lastUsed.set(player, token)
  }
  const leave = (seat: Seat, isForGood: boolean) => {
    if (isForGood) table.lobby.leave(seat.session, table.nowMs)
    else table.lobby.lose(seat.session, table.nowMs)
    seat.isGone = true
    hear()
    seats[seats.indexOf(seat)] = undefined
  }

  for (let step = 0; step < MAX_STEPS && !input.isOver; step++) {
    const place = input.below(SEATS)
    const what = input.below(10)
    seats[place] ??= new Seat(table)
    const seat = seats[place]
    hear() // the greeting
    if (what === 0) table.passMs(input.byte() * 100)
    else if (what === 1 || what === 8) leave(seat, what === 1)
    else if (!seat.isGone) {
      if (what === 9) resume(seat, tokens[input.byte() % tokens.length])
      else if (what === 3) receiveStream(table, seat, input.bytes(input.byte()))
      else {
        const frame = what === 2 ? input.bytes(input.byte()) : command(input)
        checkCommand(frame, table)
        table.lobby.receive(seat.session, frame, table.nowMs)
      }
    }
    hear()

    const here = seats.map((one) => one?.session.player).filter((player) => player !== undefined)
    assert.equal(table.lobby.playerCount, here.length + table.lobby.awayCount)
    assert.equal(
      new Set(here.map(({ name }) => keyOf(name))).size,
      here.length,
      'no two look the same'
    )
    assert(table.lobby.awayCount <= table.limits.maxConnections)
    const rooms = new Set([...everybody].flatMap(({ room, heldRoom }) => [room, heldRoom]))
    rooms.delete(undefined)
    // A room that was only kept for somebody who went elsewhere is closed with the next tick.
    assert(
      table.lobby.roomCount >= rooms.size,
      'a room lives as long as somebody is in it, or expected'
    )
    if (what === 0) assert.equal(table.lobby.roomCount, rooms.size, 'and no longer')
    assert(table.lobby.matchCount <= rooms.size)
    for (let from = 0; from < table.lobby.roomCount; from++) {
      for (const { players, capacity } of table.lobby.roomDetails(from, table.nowMs).rooms)
        assert(players.length <= capacity)
    }
  }
}

/** A stream of the client's own: half a frame, or what only looks like one. */
function receiveStream(table: Table, seat: Seat, bytes: Uint8Array): void {
  try {
    for (const frame of seat.decoder.push(bytes)) {
      if (!table.dismissed.has(seat.session)) table.lobby.receive(seat.session, frame, table.nowMs)
    }
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_FRAME_TOO_LARGE') throw error
  }
}
