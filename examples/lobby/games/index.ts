// The games that this server has. Add yours here; rooms that choose none play the first one.
import { gamesOf } from '../rules/game.ts'
import { cards } from './cards/index.ts'
import { coinArena } from './coin-arena/index.ts'

export const games = gamesOf(coinArena, cards)
