// I/O completion ports. This version has none: the class exists so that programs for both systems can name it.
import { unsupportedPlatform } from '../errors.ts'

/** Tells which overlapped operations are *complete* (Windows). Not in this version: constructing one throws `ERR_UNSUPPORTED_PLATFORM` everywhere. */
export class Iocp<U = unknown> {
  /** What a completion would carry; there for the type parameter. */
  declare readonly userPtr?: U

  constructor(_options?: { concurrency?: number }) {
    throw unsupportedPlatform('Iocp')
  }
}
