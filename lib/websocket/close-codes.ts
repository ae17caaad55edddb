// Which close codes may stand in a close frame (RFC 6455, 7.4, and IANA's registry of WebSocket
// close codes).
import { outOfRange } from '../errors.ts'

/** A close frame without a code was received: never sent itself (7.4.1). */
export const NO_CODE = 1005
/** The connection ended without a close frame: never sent (7.4.1). */
export const ABNORMAL = 1006

/**
 * Whether a close frame may carry the code. 1004 is reserved; 1005, 1006 and 1015 are for the
 * program's own side alone; 1000 to 2999 belong to the protocol, 3000 to 4999 to libraries and
 * programs.
 */
export function isCloseCode(code: number): boolean {
  if (code >= 3000) return code <= 4999
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== NO_CODE && code !== ABNORMAL
}

/** The code of a close frame. @throws RangeError for one that no frame may carry */
export function sentCloseCode(code: number): number {
  if (!Number.isInteger(code) || !isCloseCode(code))
    throw outOfRange('code', '1000 to 1014 without 1004 to 1006, or 3000 to 4999', code)
  return code
}
