// Whether bytes that come piece by piece are UTF-8, said as soon as they are not (RFC 6455, 8.1;
// RFC 3629, 4 has the table of what may follow what).
import { isUtf8 } from 'node:buffer'

/** How long a character that begins with this byte is; 0 if none does. */
function characterBytes(first: number): number {
  if (first < 0x80) return 1
  if (first < 0xc2) return 0
  if (first < 0xe0) return 2
  if (first < 0xf0) return 3
  return first < 0xf5 ? 4 : 0
}

/** Whether the second byte may follow the first: no overlong form, no surrogate, no plane 17. */
function maySecondFollow(first: number, second: number): boolean {
  if (first === 0xe0) return second >= 0xa0 && second <= 0xbf
  if (first === 0xed) return second >= 0x80 && second <= 0x9f
  if (first === 0xf0) return second >= 0x90 && second <= 0xbf
  if (first === 0xf4) return second >= 0x80 && second <= 0x8f
  return isContinuation(second)
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80
}

/** Where a character begins that is not whole at `end`; `end` if the last one is. */
function unfinishedAt(bytes: Uint8Array, start: number, end: number): number {
  const earliest = Math.max(start, end - 3)
  for (let at = end - 1; at >= earliest; at--) {
    if (isContinuation(bytes[at])) continue
    return at + characterBytes(bytes[at]) > end ? at : end
  }
  return end
}

function mayBecomeCharacter(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start >= 2 && !maySecondFollow(bytes[start], bytes[start + 1])) return false
  return end - start < 3 || isContinuation(bytes[start + 2])
}

/**
 * Checks text that has come as far as `end`, of which everything before `start` was checked.
 * @returns up to where it is whole characters now, which is where to go on; -1 if it can no longer
 *   become UTF-8
 */
export function checkUtf8(bytes: Uint8Array, start: number, end: number): number {
  const whole = unfinishedAt(bytes, start, end)
  if (!isUtf8(bytes.subarray(start, whole))) return -1
  return mayBecomeCharacter(bytes, whole, end) ? whole : -1
}
