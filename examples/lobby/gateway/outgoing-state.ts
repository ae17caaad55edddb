// A state on its way to many players: decoded at most once, each difference encoded once for all
// who have acknowledged the same state, and a message for those without datagrams encoded once.
import type { Game } from '../rules/game.ts'
import { decodeState, type EncodedState, encodeDifference, headOf } from '../wire/datagram.ts'
import { encode } from '../wire/protocol.ts'

export class OutgoingState {
  readonly game: Game
  /** As a datagram, whole. */
  readonly bytes: Uint8Array
  readonly match: number
  readonly tick: number
  #state: EncodedState | undefined
  /** By the tick of the base. */
  readonly #differences = new Map<number, Uint8Array>()
  #view: unknown
  #message: Buffer | undefined

  /** `bytes`: by encodeState(). */
  constructor(game: Game, bytes: Uint8Array) {
    this.game = game
    this.bytes = bytes
    const { match, tick } = headOf(bytes)
    this.match = match
    this.tick = tick
  }

  /** Most states go out as they are, and need not be read. */
  get #decoded(): EncodedState {
    const { buffer, byteOffset, length } = this.bytes
    this.#state ??= decodeState(Buffer.from(buffer, byteOffset, length))
    if (this.#state === undefined) throw new TypeError('these bytes are no state')
    return this.#state
  }

  get view(): unknown {
    this.#view ??= this.game.decode(this.#decoded.body)
    return this.#view
  }

  /** As a frame. */
  get message(): Buffer {
    const { match, tick, seqs } = this.#decoded
    this.#message ??= encode({ type: 'state', match, tick, seqs: [...seqs], view: this.view })
    return this.#message
  }

  /** For those who have acknowledged `base`, the view of that tick; whole if that is shorter. */
  since(baseTick: number, base: unknown): Uint8Array {
    let bytes = this.#differences.get(baseTick)
    if (bytes === undefined) {
      const body = this.game.encode(this.view, base)
      bytes = encodeDifference({ ...this.#decoded, body }, baseTick)
      if (bytes.length >= this.bytes.length) bytes = this.bytes
      this.#differences.set(baseTick, bytes)
    }
    return bytes
  }
}
