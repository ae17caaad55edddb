// The coin arena in a terminal: which way to run, and who has picked up a coin.
import type { TerminalWords } from '../../rules/game.ts'
import type { Scored } from './rules.ts'

const directions = [
  'stop',
  'up',
  'up-right',
  'right',
  'down-right',
  'down',
  'down-left',
  'left',
  'up-left'
]

export const terminal: TerminalWords<{ direction: number }> = {
  help: '/go up         run (up, down, left, right, up-left, …, stop); pick up coins',
  parse(word, rest) {
    const direction = word === '/go' ? directions.indexOf(rest) : -1
    return direction === -1 ? undefined : { direction }
  },
  describe(event, players) {
    const { player, score } = event as Scored
    return `* ${players[player]} has ${score} ${score === 1 ? 'coin' : 'coins'}`
  }
}
