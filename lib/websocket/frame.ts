// The bits of a frame's header (RFC 6455, 5.2). Pure numbers.

/** The first byte: this frame is the last of its message. */
export const FIN = 0x80
/** The first byte: with permessage-deflate, the message is compressed (RFC 7692, 6). */
export const RSV1 = 0x40
/** The first byte: reserved bits that no extension here uses. */
export const RSV2_AND_3 = 0x30
/** The second byte: a masking key follows the length. */
export const MASKED = 0x80

export const OPCODE = {
  continuation: 0x0,
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa
} as const

/** From this opcode on, frames are control frames. */
export const FIRST_CONTROL = 0x8
/** The most that a control frame carries (5.5). */
export const MAX_CONTROL_BYTES = 125
/** A length of 7 bits that says: 2 bytes of length follow. */
export const LENGTH_16 = 126
/** A length of 7 bits that says: 8 bytes of length follow. */
export const LENGTH_64 = 127
export const MASKING_KEY_BYTES = 4
/** The longest header: 2 bytes, 8 of length, 4 of masking key. */
export const MAX_HEADER_BYTES = 14

/** How long the header is, by its second byte. */
export function headerBytesOf(second: number): number {
  const length = second & 0x7f
  const more = length === LENGTH_16 ? 2 : length === LENGTH_64 ? 8 : 0
  return 2 + more + ((second & MASKED) !== 0 ? MASKING_KEY_BYTES : 0)
}
