// Decoders for all WebSockets of an endpoint: one needs its own only while a message of it has not
// come whole, and most are idle most of the time.
import { DecoderLimits, type WebSocketDecoderOptions } from './codec-options.ts'
import { WebSocketDecoder } from './decoder.ts'

export class DecoderPool {
  readonly #limits: DecoderLimits
  readonly #deflateLimits: DecoderLimits
  #idle: WebSocketDecoder | undefined
  #idleDeflate: WebSocketDecoder | undefined

  constructor(options: WebSocketDecoderOptions) {
    this.#limits = new DecoderLimits(options)
    this.#deflateLimits = new DecoderLimits({ ...options, compression: true })
  }

  /** One that has nothing of any stream; nobody else gets it until {@link giveBack}. */
  take(hasDeflate: boolean): WebSocketDecoder {
    const idle = hasDeflate ? this.#idleDeflate : this.#idle
    if (idle === undefined)
      return new WebSocketDecoder(hasDeflate ? this.#deflateLimits : this.#limits)
    if (hasDeflate) this.#idleDeflate = undefined
    else this.#idle = undefined
    return idle
  }

  /** Only one that is between two messages. */
  giveBack(decoder: WebSocketDecoder, hasDeflate: boolean): void {
    if (hasDeflate) this.#idleDeflate = decoder
    else this.#idle = decoder
  }
}
