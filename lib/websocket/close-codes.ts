// Which close codes may stand in a close frame (RFC 6455, 7.4, and IANA's registry of WebSocket
// close codes).

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
