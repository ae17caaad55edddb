// The games that this server has. Add yours here; the first one is played in rooms that choose none.
import { gamesOf } from '../rules/game.ts'
import { coinArena } from './coin-arena/index.ts'

export const games = gamesOf(coinArena)
