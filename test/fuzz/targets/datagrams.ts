// The lobby's datagrams: whatever comes, what is taken for one means exactly these bytes and no
// others; nobody is sent more than came; and a match that is steered by them stays in its arena,
// forgets no newer steer for an older one, and can be told in a datagram. Input: datagrams, each
// after its length.
import assert from 'node:assert/strict'
import { Match } from '../../../examples/lobby/games/coin-arena/match.ts'
import {
  decodeFromPlayer,
  decodeState,
  decodeToPlayer,
  encodeChallenge,
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
  const rules = {
    number: input.byte(),
    seed: input.int32() >>> 0,
    endsMs: 1e9,
    coinsToWin: 255,
    ticksPerSecond: 30
  }
  const match = new Match(NAMES, rules)
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
  if (message.kind !== 'steer') return

  const seqOf = () => match.state().players[NAMES.indexOf(name)].seq
  const before = seqOf()
  match.steer(name, message.seq, message.direction)
  assert.equal(seqOf(), Math.max(before, message.seq))
  match.step()
  const state = match.state()
  const { width, height } = match.arena
  for (const { x, y } of [...state.players, ...state.coins])
    assert(x >= 0 && x < width && y >= 0 && y < height)
  assert.deepEqual(decodeState(encodeState(state)), state)
}

function toPlayer(bytes: Buffer): void {
  const message = decodeToPlayer(bytes)
  if (message === undefined) return
  const again =
    message.kind === 'challenge'
      ? encodeChallenge(message.nonce)
      : message.kind === 'open'
        ? encodeOpen()
        : encodeState(message.state)
  assert.deepEqual(again, bytes, 'it has one spelling')
}
