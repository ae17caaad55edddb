// The lobby behind its protocol: whatever players send, the rules never break and nobody's answer is too long to be sent; a command that is taken
// means the same when it is sent again; who was sent away hears no more. Input: what four players do, and how time passes.
import assert from 'node:assert/strict'
import { FrameDecoder } from 'pollport'
import { describe } from '../../../examples/lobby/client.ts'
import { encode, keyOf, LENGTH_BYTES, parseCommand, parseMessage, Refusal } from '../../../examples/lobby/protocol.ts'
import type { Session } from '../../../examples/lobby/session.ts'
import { Table } from '../../../examples/lobby/test/table.ts'
import { Input } from '../input.ts'

const MAX_STEPS = 100
const SEATS = 4
const TYPES = ['name', 'rooms', 'create', 'join', 'leave', 'ready', 'roll', 'say', 'ping']
// What the texts of commands are made of: among them what looks alike, what is not to be seen, and what has two halves.
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

class Player {
  session: Session
  decoder: FrameDecoder
  isGone = false
  constructor(table: Table) {
    this.session = table.arrive()
    this.decoder = new FrameDecoder({ lengthBytes: LENGTH_BYTES, maxFrame: table.limits.maxFrameBytes })
  }
}

/** A command that may be right or wrong in each of its parts. */
function command(input: Input): Buffer {
  const text = Array.from({ length: input.below(4) }, () => TEXTS[input.below(TEXTS.length)]).join('')
  const value = [text, input.byte(), true, null, -1, 2 ** 53, {}, undefined][input.below(8)]
  return Buffer.from(
    JSON.stringify({
      type: TYPES[input.below(TYPES.length)],
      name: text,
      room: text,
      text,
      ready: value,
      from: value,
      id: value
    })
  )
}

function checkCommand(frame: Uint8Array, table: Table): void {
  try {
    const taken = parseCommand(frame, table.limits)
    assert.deepEqual(parseCommand(encode(taken).subarray(LENGTH_BYTES), table.limits), taken)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
  }
}

export function fuzz(data: Uint8Array): void {
  const input = new Input(data)
  const table = new Table({ burstMessages: 30, maxRooms: 2, maxRoomPlayers: 3, maxListedRooms: 1 })
  const players: (Player | undefined)[] = Array(SEATS).fill(undefined)

  const hear = () => {
    for (const player of players) {
      if (player === undefined) continue
      const heard = table.heard(player.session)
      assert(!player.isGone || heard.length === 0, 'who was sent away hears no more')
      player.isGone ||= table.dismissed.has(player.session)
      for (const message of heard) {
        const sent = encode(message).subarray(LENGTH_BYTES)
        assert.deepEqual(parseMessage(sent), message)
        assert.doesNotMatch(describe(message) ?? '', /[^\P{Cc}\n]/u, 'nothing moves the cursor of a terminal')
      }
    }
  }

  for (let step = 0; step < MAX_STEPS && !input.isOver; step++) {
    const seat = input.below(SEATS)
    const what = input.below(8)
    players[seat] ??= new Player(table)
    const player = players[seat]
    hear() // the greeting
    if (what === 0) table.passMs(input.byte() * 100)
    else if (what === 1) {
      table.lobby.leave(player.session, table.nowMs)
      player.isGone = true
      hear()
      players[seat] = undefined
    } else if (!player.isGone) {
      const frame = what === 2 ? input.bytes(input.byte()) : command(input)
      checkCommand(frame, table)
      if (what === 3) {
        // A stream of the client's own: half a frame, or what only looks like one.
        try {
          for (const found of player.decoder.push(input.bytes(input.byte()))) {
            if (!table.dismissed.has(player.session)) table.lobby.receive(player.session, found, table.nowMs)
          }
        } catch (error) {
          if ((error as { code?: string }).code !== 'ERR_FRAME_TOO_LARGE') throw error
        }
      } else table.lobby.receive(player.session, frame, table.nowMs)
    }
    hear()

    const named = players.filter((one) => one !== undefined && one.session.name !== '') as Player[]
    assert.equal(table.lobby.playerCount, named.length)
    assert.equal(new Set(named.map(({ session }) => keyOf(session.name))).size, named.length, 'no two look the same')
    const rooms = new Set(named.map(({ session }) => session.room).filter((room) => room !== undefined))
    assert.equal(table.lobby.roomCount, rooms.size, 'a room lives as long as somebody is in it')
    assert(rooms.size <= table.limits.maxRooms && table.lobby.matchCount <= rooms.size)
  }
}
