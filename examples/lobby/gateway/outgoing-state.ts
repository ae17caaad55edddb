// A state on its way to many players: decoded at most once, each difference encoded once for all
// who have acknowledged the same state, and a message for those without datagrams encoded once.
import type { Game } from '../rules/game.ts'
import { decodeState, type EncodedState, encodeDifference } from '../wire/datagram.ts'
import { encode } from '../wire/protocol.ts'

export class OutgoingState {
  readonly game: Game
  /** As a datagram, whole. */
  readonly bytes: Uint8Array
  readonly match: number
  readonly tick: number
  readonly #state: EncodedState
  /** By the tick of the base. */
  readonly #differences = new Map<number, Uint8Array>()
  #view: unknown
  #message: Buffer | undefined

  /** `bytes`: by encodeState(). */
  constructor(game: Game, bytes: Uint8Array) {
    this.game = game
    this.bytes = bytes
    const state = decodeState(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
    if (state === undefined) throw new TypeError('these bytes are no state')
    this.#state = state
    this.match = state.match
    this.tick = state.tick
  }

  get view(): unknown {
    this.#view ??= this.game.decode(this.#state.body)
    return this.#view
  }

  /** As a frame. */
  get message(): Buffer {
    const { match, tick, seqs } = this.#state
    this.#message ??= encode({ type: 'state', match, tick, seqs: [...seqs], view: this.view })
    return this.#message
  }

  /** For those who have acknowledged `base`, the view of that tick; whole if that is shorter. */
  since(baseTick: number, base: unknown): Uint8Array {
    let bytes = this.#differences.get(baseTick)
    if (bytes === undefined) {
      const body = this.game.encode(this.view, base)
      bytes = encodeDifference({ ...this.#state, body }, baseTick)
      if (bytes.length >= this.bytes.length) bytes = this.bytes
      this.#differences.set(baseTick, bytes)
    }
    return bytes
  }
}
