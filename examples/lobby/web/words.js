// @ts-check
// What the page says: one place for every sentence about a refusal, an end, a place or a time.
// Pure.

/** @typedef {import('./connection.js').Status} Status */
/** @typedef {import('./connection.js').EndReason} EndReason */
/** @typedef {import('../protocol.ts').RefusalCode} RefusalCode */
/** @typedef {import('../protocol.ts').Presence} Presence */

/**
 * @type {Partial<Record<RefusalCode, string>>} Where the server's own words would not do for a
 *   person.
 */
const refusals = {
  'name-taken':
    'Somebody has this name already. If it was you a moment ago, it is free again in half a minute.',
  'room-taken': 'There is a room of this name already.',
  'no-such-room': 'There is no such room any more, or the code is wrong.',
  'wrong-password': 'That is not the password of this room.',
  'room-full': 'This room has just become full.',
  'match-running': 'A match is running there. You can watch it, or wait until it is over.',
  kicked: 'The host of this room has sent you out. The door opens again in a minute.',
  'too-many-rooms': 'There are too many rooms at the moment.',
  'queue-full': 'Too many wait for a match already. Try again in a moment.',
  draining: 'The server is about to close: nobody comes in and no match begins.',
  'too-fast': 'More slowly, please: some of that did not get through.'
}

/** @type {Record<string, string>} Above the form for a name. */
const ends = {
  'bad-token': 'The server has been restarted. Choose your name again.',
  'token-used': 'Your seat was taken over by another window.',
  'token-expired': 'You were away for too long, and your seat was given up.',
  replaced: 'You play on in another window. This one is signed out.',
  flood: 'You were cut off: far too much was sent in too short a time.',
  idle: 'You were sent away, because nothing was heard of you for a while.',
  'sign-in-timeout': 'That took too long. Try once more.',
  'frame-too-large': 'You were cut off: a message was too long.',
  'server-full': 'The server is full. Try again in a moment.',
  'too-many-connections':
    'Too many connections come from your address. Close another window, or try again later.',
  unreachable: 'The server does not answer. Is it running?',
  'other-version': 'The server has been renewed. Load this page again.'
}

/** Refusals that come of a race which nobody has lost: what was asked for has happened already. */
const harmless = new Set(['no-match', 'not-queued', 'not-in-a-room'])

/**
 * @param {RefusalCode} code
 * @param {string} message The server's.
 * @returns {string | undefined} Undefined when there is nothing to say.
 */
export function wordsOfRefusal(code, message) {
  if (harmless.has(code)) return undefined
  return refusals[code] ?? `${message.charAt(0).toUpperCase()}${message.slice(1)}.`
}

/**
 * @param {EndReason | undefined} reason
 * @param {string} [message] The server's.
 */
export function wordsOfEnd(reason, message) {
  if (reason === undefined || reason === 'signed-out') return ''
  return (
    ends[reason] ?? wordsOfRefusal(/** @type {RefusalCode} */ (reason), message ?? reason) ?? ''
  )
}

/**
 * Of a connection that is not there at the moment.
 * @param {Status} status
 * @param {number} nowMs
 */
export function wordsOfStatus(status, nowMs) {
  if (status.kind === 'connecting') return status.isReturn ? 'Coming back …' : ''
  if (status.kind !== 'waiting') return ''
  const inSeconds = secondsUntil(status.retryAtMs, nowMs)
  const again = inSeconds <= 1 ? 'Trying again …' : `Trying again in ${inSeconds} s.`
  const seatSeconds = secondsUntil(status.seatUntilMs, nowMs)
  const seat = seatSeconds > 0 ? ` Your seat is kept for ${seatSeconds} s.` : ''
  return `${wordsOfRetry(status.reason)} ${again}${seat}`
}

/** @param {Extract<Status, { kind: 'waiting' }>['reason']} reason */
function wordsOfRetry(reason) {
  if (reason === 'bye') return 'The server has closed.'
  if (reason === 'server-full') return 'The server is full.'
  if (reason === 'too-many-connections') return 'Too many connections come from your address.'
  return 'The connection is lost.'
}

/** @type {Record<Presence, string>} */
export const places = {
  lobby: 'in the lobby',
  queue: 'wants a match',
  room: 'in a room',
  match: 'playing',
  away: 'away'
}

/** @param {number} atMs @param {number} nowMs */
export function secondsUntil(atMs, nowMs) {
  return Math.max(0, Math.ceil((atMs - nowMs) / 1000))
}

/** 0:07 @param {number} seconds */
export function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds) % 60).padStart(2, '0')}`
}

/** "1 room", "2 rooms" @param {number} count @param {string} noun */
export function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** "Ann", "Ann and Bob", "Ann, Bob and Cleo" @param {readonly string[]} names */
export function listed(names) {
  if (names.length < 2) return names.join('')
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
