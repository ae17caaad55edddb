// @ts-check
// Numbers as people read them.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })

/** What stands where there is no number yet. */
export const NOTHING = '–'

/** @param {number} value */
export const count = (value) => whole.format(value)

/**
 * Three digits and a letter: 12.3K.
 * @param {number | undefined | null} value
 */
export const compact = (value) =>
  value === undefined || value === null ? NOTHING : short.format(value)

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

/** @param {number | undefined | null} value */
export function bytes(value) {
  if (value === undefined || value === null) return NOTHING
  let unit = 0
  let rest = value
  while (rest >= 999.5 && unit < UNITS.length - 1) {
    rest /= 1000
    unit++
  }
  return `${unit === 0 || rest >= 99.5 ? whole.format(rest) : rest.toPrecision(rest < 9.995 ? 2 : 3)} ${UNITS[unit]}`
}

/** @param {number | undefined | null} ms */
export function milliseconds(ms) {
  if (ms === undefined || ms === null) return NOTHING
  return Number.isFinite(ms) ? `${ms} ms` : 'over 1 s'
}

/** @param {number} ms */
export function duration(ms) {
  const seconds = Math.floor(ms / 1000)
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's']
  ]
  const first = parts.findIndex(([value]) => value !== 0)
  const shown = parts.slice(first === -1 ? 3 : first, first === -1 ? 4 : first + 2)
  return shown.map(([value, unit]) => `${value} ${unit}`).join(' ')
}

/** @param {number} atMs */
export const clock = (atMs) => new Date(atMs).toLocaleTimeString('en-GB')
