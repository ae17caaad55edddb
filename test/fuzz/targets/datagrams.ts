// The lobby's datagrams: whatever comes, what is taken for one means exactly these bytes and no
// others; nobody is sent more than came; and a match that is steered by them stays in its arena,
// forgets no newer steer for an older one, and can be told in a datagram. Input: datagrams, each
// after its length.
import assert from 'node:assert/strict'
import { coinArena } from '../../../examples/lobby/games/coin-arena/index.ts'
import { type ArenaView, HEIGHT, WIDTH } from '../../../examples/lobby/games/coin-arena/rules.ts'
import { Match } from '../../../examples/lobby/rules/match.ts'
import {
  decodeFromPlayer,
  decodeState,
  decodeToPlayer,
  encodeChallenge,
  encodeDifference,
  encodeFromPlayer,
  encodeOpen,
  encodeState,
  LONGEST_FROM_PLAYER_BYTES
} from '../../../examples/lobby/wire/datagram.ts'
import { Input } from '../input.ts'

const NAMES = ['Ann', 'Bob', 'Cid']
const MAX_DATAGRAMS = 200

export function fuzz(data: Uint8Array): void {
  const input = new Input(data)
  const options = {
    number: input.byte(),
    seed: String(input.int32()),
    game: coinArena,
    settings: coinArena.settings.parse({ coinsToWin: 255 }),
    players: NAMES
  }
  const match = new Match(options, 0)
  for (let count = 0; count < MAX_DATAGRAMS && !input.isOver; count++) {
    const name = NAMES[input.below(NAMES.length)]
    const bytes = Buffer.from(input.bytes(input.byte()))
    fromPlayer(bytes, name, match)
    toPlayer(bytes)
  }
}

function fromPlayer(bytes: Buffer, name: string, match: Match): void {
  const message = decodeFromPlayer(bytes)
  if (message === undefined) return
  assert(bytes.length <= LONGEST_FROM_PLAYER_BYTES)
  assert.deepEqual(encodeFromPlayer(message), bytes, 'it has one spelling')
  if (message.kind === 'hello')
    assert(encodeChallenge(message.token).length <= bytes.length, 'an answer is no longer')
  if (message.kind === 'proof') assert(encodeOpen().length <= bytes.length)
  if (message.kind !== 'input') return

  const seqOf = () => match.viewFor('all')?.seqs[NAMES.indexOf(name)] ?? 0
  const before = seqOf()
  const move = coinArena.readInput(Buffer.from(message.input))
  if (move !== undefined) match.input(name, message.seq, move, 0)
  assert.equal(seqOf(), move === undefined ? before : Math.max(before, message.seq))
  match.step(0)
  const state = match.viewFor('all')
  assert(state !== undefined)
  const { tick, seqs, body } = state
  const { players, coins } = coinArena.decode(body) as ArenaView
  for (const { x, y } of [...players, ...coins]) assert(x >= 0 && x < WIDTH && y >= 0 && y < HEIGHT)
  const again = decodeState(encodeState(state))
  assert.deepEqual(again, { match: state.match, tick, seqs, body: Buffer.from(body) })
}

function toPlayer(bytes: Buffer): void {
  const message = decodeToPlayer(bytes)
  if (message === undefined) return
  const again =
    message.kind === 'challenge'
      ? encodeChallenge(message.nonce)
      : message.kind === 'open'
        ? encodeOpen()
        : message.kind === 'state'
          ? encodeState(message)
          : encodeDifference(message, message.base)
  assert.deepEqual(again, bytes, 'it has one spelling')
}
