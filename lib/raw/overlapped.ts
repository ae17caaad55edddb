// An overlapped operation. This version has none, see iocp.ts.
import { unsupportedPlatform } from '../errors.ts'

/** An operation of an {@link Iocp}. Not in this version: constructing one throws `ERR_UNSUPPORTED_PLATFORM` everywhere. */
export class Overlapped {
  constructor() {
    throw unsupportedPlatform('Overlapped')
  }
}
