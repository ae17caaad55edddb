// TLS of a door: certificate and key from their files, read again when these have changed, so that
// a renewed certificate needs no restart. A change that cannot be used leaves the one before.
import { readFileSync, statSync } from 'node:fs'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import type { Logger } from 'pino'
import type { ConnectionDuplex } from 'pollport'
import { type GatewaySettings, listOf } from './settings.ts'

export type Door = 'game' | 'web' | 'operators'

/** More often the files are not looked at. */
const LOOK_EVERY_MS = 1_000

export class TlsFiles {
  readonly #files: { cert: string; key: string }
  readonly #log: Logger
  #pems: { cert: Buffer; key: Buffer }
  #context: SecureContext
  #stamp: string
  #lookedMs = performance.now()

  /** Throws as {@link checkTlsFiles} does. */
  constructor(files: { cert: string; key: string }, log: Logger) {
    this.#files = files
    this.#log = log
    this.#stamp = stampOf(files)
    this.#pems = pemsIn(files)
    this.#context = createSecureContext(this.#pems)
  }

  /** undefined when this door speaks no TLS. */
  static of(door: Door, settings: GatewaySettings, log: Logger): TlsFiles | undefined {
    const { tlsCert: cert, tlsKey: key, tlsDoors } = settings
    if (cert === '' || key === '' || !listOf(tlsDoors).includes(door)) return undefined
    return new TlsFiles({ cert, key }, log)
  }

  /** What {@link context} was made of. */
  get files(): { cert: Buffer; key: Buffer } {
    return this.#pems
  }

  /** For the next connection. */
  get context(): SecureContext {
    const nowMs = performance.now()
    if (nowMs - this.#lookedMs >= LOOK_EVERY_MS) {
      this.#lookedMs = nowMs
      this.#readAgain()
    }
    return this.#context
  }

  /** TLS over a connection; `'secure'` comes when both ends agree, `'close'` in any case. */
  secure(raw: ConnectionDuplex): TLSSocket {
    const stream = new TLSSocket(raw, { isServer: true, secureContext: this.context })
    raw.allowHalfOpen = true // tls ends the stream itself, also after the peer's FIN
    return stream
  }

  #readAgain(): void {
    try {
      const stamp = stampOf(this.#files)
      if (stamp === this.#stamp) return
      const pems = pemsIn(this.#files)
      this.#context = createSecureContext(pems)
      this.#pems = pems
      this.#stamp = stamp
      this.#log.info(this.#files, 'the certificate was read again')
    } catch (error) {
      // Perhaps only one of the two is there yet: it is tried again.
      this.#log.warn({ err: error }, 'the new certificate cannot be used; the one before stays')
    }
  }
}

/** Throws what reading the files, or OpenSSL, says of them. */
export function checkTlsFiles(files: { cert: string; key: string }): void {
  createSecureContext(pemsIn(files))
}

function stampOf({ cert, key }: { cert: string; key: string }): string {
  return [cert, key].map((file) => statSync(file).mtimeMs).join(' ')
}

function pemsIn({ cert, key }: { cert: string; key: string }): { cert: Buffer; key: Buffer } {
  return { cert: readFileSync(cert), key: readFileSync(key) }
}
