// @ts-check
// What the page says: one place for every sentence about a refusal, an end, a place or a time.
// Pure.

/** @typedef {import('./connection.js').Status} Status */
/** @typedef {import('./connection.js').EndReason} EndReason */
/** @typedef {import('../wire/protocol.ts').RefusalCode} RefusalCode */
/** @typedef {import('../wire/protocol.ts').Presence} Presence */
/** @typedef {import('../wire/protocol.ts').LimitsInfo} LimitsInfo */

/**
 * @type {Partial<Record<RefusalCode, string>>} Where the server's own message does not suit a
 *   person.
 */
const refusals = {
  'name-taken':
    'This name is taken. If it was you, in a tab or a browser that is closed now, it is free again in half a minute.',
  'name-reserved': 'Somebody has played under this name, and keeps it. Choose another one.',
  'locked-out': 'Too many wrong passwords. Try again in a minute.',
  'room-taken': 'A room with this name exists already.',
  'no-such-room': 'This room no longer exists, or the code is wrong.',
  'password-needed': 'This room has a password.',
  'wrong-password': 'Wrong password.',
  'room-full': 'This room is full.',
  'match-running': 'A match is running in this room. You can watch it, or wait until it is over.',
  'too-many-rooms': 'There are too many rooms right now.',
  'queue-full': 'The queue is full. Try again in a moment.',
  draining: 'The server is about to shut down: you cannot join, and no match starts.',
  'no-history': 'Your matches cannot be read just now. Try again in a moment.',
  'too-fast': 'Slow down, please: some of your messages were dropped.'
}

/** @type {Record<string, string>} Above the form for a name. */
const ends = {
  'bad-token': 'The server was restarted. Choose your name again.',
  'token-used': 'Your seat was taken over by another window.',
  'token-expired': 'You were away for too long, and your seat was given up.',
  replaced: 'You are playing in another window, so this one was signed out.',
  flood: 'You were disconnected: too many messages in too short a time.',
  idle: 'You were signed out after a while without activity.',
  'sign-in-timeout': 'Signing in took too long. Try again.',
  'frame-too-large': 'You were disconnected: a message was too long.',
  'server-full': 'The server is full. Try again in a moment.',
  'cluster-away': 'The servers of this lobby cannot reach each other. Try again in a moment.',
  'too-many-connections':
    'There are too many connections from your address. Close another window, or try again later.',
  unreachable: 'The server does not answer. Is it running?',
  'other-version': 'The server was updated. Reload this page.'
}

/** Refusals caused by a race: what the player asked for has happened already. */
const harmless = new Set(['no-match', 'not-queued', 'not-in-a-room'])

/**
 * @param {RefusalCode} code
 * @param {string} message The server's.
 * @param {LimitsInfo} [limits]
 * @returns {string | undefined} Undefined when there is nothing to say.
 */
export function wordsOfRefusal(code, message, limits) {
  if (harmless.has(code)) return undefined
  if (code === 'kicked' && limits !== undefined)
    return `The host removed you from this room. You can come back ${wordsOfTime(limits.kickedMs)} after that.`
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
  if (status.kind === 'connecting') return status.isReturn ? 'Reconnecting …' : ''
  if (status.kind !== 'waiting') return ''
  const inSeconds = secondsUntil(status.retryAtMs, nowMs)
  const again = inSeconds <= 1 ? 'Trying again …' : `Trying again in ${inSeconds} s.`
  const seatSeconds = secondsUntil(status.seatUntilMs, nowMs)
  const seat = seatSeconds > 0 ? ` Your seat is reserved for ${seatSeconds} s.` : ''
  return `${wordsOfRetry(status.reason)} ${again}${seat}`
}

/** Of a connection that is there and does not answer. @param {'offline' | 'slow'} trouble */
export function wordsOfTrouble(trouble) {
  return trouble === 'offline'
    ? 'Your device seems to be offline. Waiting for the server …'
    : 'The server does not answer at the moment. Waiting …'
}

/** @param {Extract<Status, { kind: 'waiting' }>['reason']} reason */
function wordsOfRetry(reason) {
  if (reason === 'bye') return 'The server shut down.'
  if (reason === 'server-full') return 'The server is full.'
  if (reason === 'cluster-away') return 'The servers of this lobby cannot reach each other.'
  if (reason === 'too-many-connections') return 'There are too many connections from your address.'
  return 'Connection lost.'
}

/** @type {Record<Presence, string>} */
export const places = {
  lobby: 'in the lobby',
  queue: 'looking for a match',
  room: 'in a room',
  match: 'playing',
  away: 'away'
}

/** @param {number} atMs @param {number} nowMs */
export function secondsUntil(atMs, nowMs) {
  return Math.max(0, Math.ceil((atMs - nowMs) / 1000))
}

/** "30 seconds", "a minute", "5 minutes" @param {number} ms */
export function wordsOfTime(ms) {
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return counted(seconds, 'second')
  const minutes = Math.round(seconds / 60)
  return minutes === 1 ? 'a minute' : counted(minutes, 'minute')
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
