// A bot's play, against the real rules: it must never do what a player may not do.
import { expect, test } from 'vitest'
import { Bot } from '../bot.ts'
import { Table } from './table.ts'

test('thirty bots play for ten minutes of the lobby’s time: rooms, matches, and no fault', () => {
  const table = new Table()
  // Chance that repeats itself, so that a failure does too.
  let state = 1
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  const players = Array.from({ length: 30 }, (_, number) => ({
    bot: new Bot(`bot ${number}`, random),
    session: table.arrive()
  }))
  let mostRooms = 0
  const heard = new Map<string, number>()
  for (let turn = 0; turn < 600; turn++) {
    for (const { bot, session } of players) {
      const command = bot.act()
      if (command !== undefined) table.do(session, command)
      for (const other of players) {
        for (const message of table.heard(other.session)) {
          heard.set(message.type, (heard.get(message.type) ?? 0) + 1)
          other.bot.hear(message)
        }
      }
    }
    table.passMs(1000)
    mostRooms = Math.max(mostRooms, table.lobby.roomCount)
  }
  expect(players.map(({ bot }) => bot.faults)).toEqual(players.map(() => 0))
  expect(table.dismissed.size).toBe(0)
  expect(table.lobby.playerCount).toBe(30)
  expect(mostRooms).toBeGreaterThan(3)
  for (const type of ['chat', 'queued', 'joined', 'left', 'match-started', 'rolled', 'match-ended'])
    expect(heard.get(type)).toBeGreaterThan(50)
})
