// A card game with hidden hands, in turns: each player has a view of its own, and those who watch
// see no hand. It has no encoding of its own: views are JSON, and a datagram has what changed.
import { z } from 'zod'
import { defineGame, type TerminalWords } from '../../rules/game.ts'
import { whole } from '../../rules/whole.ts'
import { CardPlayer } from './bot.ts'
import {
  begin,
  type CardsEvent,
  deck,
  leave,
  lookAtClock,
  outcome,
  play,
  type Turn,
  viewOf
} from './rules.ts'

const words: Record<CardsEvent['type'], string> = {
  played: 'plays',
  drew: 'draws a card',
  passed: 'passes'
}

const terminal: TerminalWords<Turn> = {
  help: 'watch it in a browser: the cards are not shown here',
  parse: () => undefined,
  describe(event, players) {
    const known = event as CardsEvent
    const card = known.type === 'played' ? ` ${known.card}` : ''
    return `* ${players[known.player]} ${words[known.type]}${card}`
  }
}

export const cards = defineGame({
  name: 'cards',
  title: 'Cards',
  players: { least: 2, most: 4 },
  hz: 10,
  settings: z.strictObject({
    handCards: whole(5, 1, 10, 'how many cards everybody begins with'),
    turnMs: whole(20_000, 100, 600_000, 'then a player who does nothing draws a card')
  }),
  input: z.strictObject({ turn: z.int().min(0), card: z.enum(deck).optional() }),
  create: begin,
  onInput: play,
  onTick: (state, _tick, now) => lookAtClock(state, now),
  onLeave: leave,
  view: (state, player) => viewOf(state, player),
  spectatorView: (state) => viewOf(state),
  isOver: outcome,
  scores: ({ hands }) => hands.map((hand) => hand?.length ?? 0),
  terminal,
  bot: (player, random) => new CardPlayer(player, random)
})
