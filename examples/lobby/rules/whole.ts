// A setting that is a whole number, as the limits, the operators' settings and games have them.
import { z } from 'zod'

const digits = z.string().regex(/^\d+$/, 'must be a whole number').transform(Number)

/**
 * A whole number with its default. In files it is a number, in the environment and in flags it is
 * digits.
 */
export function whole(fallback: number, least: number, most: number, what: string) {
  const range = `must be a whole number from ${least} to ${most}`
  return z
    .union([z.number(), digits], range)
    .pipe(z.number(range).int(range).min(least, range).max(most, range))
    .default(fallback)
    .describe(what)
}
