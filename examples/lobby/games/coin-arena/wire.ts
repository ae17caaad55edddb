// The arena and a direction as bytes, for datagrams. Everything is big-endian.
import type { ArenaView } from './rules.ts'

const HEAD_BYTES = 1 + 1
const PLAYER_BYTES = 1 + 2 + 2 + 1
const COIN_BYTES = 2 + 2

/** At most 255 players and as many coins. */
export function encodeView({ players, coins }: ArenaView): Uint8Array {
  const bytes = Buffer.allocUnsafe(
    HEAD_BYTES + players.length * PLAYER_BYTES + coins.length * COIN_BYTES
  )
  bytes[0] = players.length
  bytes[1] = coins.length
  let at = HEAD_BYTES
  for (const { seat, x, y, score } of players) {
    bytes[at] = seat
    bytes.writeUInt16BE(x, at + 1)
    bytes.writeUInt16BE(y, at + 3)
    bytes[at + 5] = score
    at += PLAYER_BYTES
  }
  for (const { x, y } of coins) {
    bytes.writeUInt16BE(x, at)
    bytes.writeUInt16BE(y, at + 2)
    at += COIN_BYTES
  }
  return bytes
}

/** undefined for whatever is not exactly an encoded view. */
export function decodeView(encoded: Uint8Array): ArenaView | undefined {
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.length)
  if (bytes.length < HEAD_BYTES) return undefined
  const [playerCount, coinCount] = bytes
  const coinsAt = HEAD_BYTES + playerCount * PLAYER_BYTES
  if (bytes.length !== coinsAt + coinCount * COIN_BYTES) return undefined
  const players = Array.from({ length: playerCount }, (_, number) => {
    const at = HEAD_BYTES + number * PLAYER_BYTES
    return {
      seat: bytes[at],
      x: bytes.readUInt16BE(at + 1),
      y: bytes.readUInt16BE(at + 3),
      score: bytes[at + 5]
    }
  })
  const coins = Array.from({ length: coinCount }, (_, number) => {
    const at = coinsAt + number * COIN_BYTES
    return { x: bytes.readUInt16BE(at), y: bytes.readUInt16BE(at + 2) }
  })
  return { players, coins }
}

export function encodeDirection({ direction }: { direction: number }): Uint8Array {
  return Uint8Array.of(direction)
}

export function decodeDirection(bytes: Uint8Array): unknown {
  return bytes.length === 1 ? { direction: bytes[0] } : undefined
}
