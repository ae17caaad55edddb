// The coin arena: players steer through an arena and collect coins, thirty ticks a second.
// Everybody sees the same, so a state is encoded once for the whole room.
import { z } from 'zod'
import { defineGame } from '../../rules/game.ts'
import { whole } from '../../rules/whole.ts'
import { CoinHunter } from './bot.ts'
import { Arena, DIRECTIONS, HZ } from './rules.ts'
import { terminal } from './terminal.ts'
import { decodeDirection, decodeView, encodeDirection, encodeView } from './wire.ts'

const DAY_MS = 24 * 60 * 60_000

export const coinArena = defineGame({
  name: 'coin-arena',
  title: 'Coin arena',
  // The state of a hundred fits one datagram.
  players: { least: 2, most: 100 },
  hz: HZ,
  sends: 'every-tick',
  settings: z.strictObject({
    matchMs: whole(30_000, 100, DAY_MS, 'then a match ends, also without a winner'),
    coinsToWin: whole(10, 1, 255, 'the first player to have so many wins')
  }),
  input: z.strictObject({
    /** 0 stands still; 1 is up, 2 up and right, and so on clockwise to 8, up and left. */
    direction: z
      .int()
      .min(0)
      .max(DIRECTIONS - 1)
  }),
  create: (beginning) => new Arena(beginning),
  onInput: (arena, player, { direction }) => arena.steer(player, direction),
  onTick: (arena) => arena.step(),
  onLeave: (arena, player) => arena.leave(player),
  sharedView: (arena) => arena.view(),
  encode: encodeView,
  decode: decodeView,
  encodeInput: encodeDirection,
  decodeInput: decodeDirection,
  isOver: (arena, now) => arena.outcome(now),
  endsAt: (arena) => arena.endsMs,
  scores: (arena) => arena.scores(),
  terminal,
  bot: (player, random) => new CoinHunter(player, random)
})
