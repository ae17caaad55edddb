// When two names are the same to a reader: they differ in case alone, or in characters that look
// alike. Pure.
import unhomoglyph from 'unhomoglyph'

/** Its capital looks like a small L, so it counts as one. */
const SMALL_I = /i/g

/**
 * The key by which names are compared: that of the "skeletons" of UTS #39, section 4, taken before
 * and after the capitals have become small, since "Ian" looks like "lan" and reads like "ian".
 */
export function keyOf(name: string): string {
  const small = skeletonOf(name.normalize('NFKC')).toLowerCase()
  return skeletonOf(small.normalize('NFKC')).toLowerCase().replace(SMALL_I, 'l')
}

/**
 * How a number is written in names that no reader may take for each other: each digit of it has
 * another key. In base 36 they have not: I, L and 1 look alike.
 */
export function numberInName(number: number): string {
  return number.toString(16).toUpperCase()
}

function skeletonOf(text: string): string {
  return unhomoglyph(text.normalize('NFD')).normalize('NFD')
}
