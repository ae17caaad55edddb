// @ts-check
// What a line in the chat asks for: to be said, or about somebody who talks. What begins with a
// slash is never said: who reports somebody must not tell it to the whole room by a slip. Pure.

/** @typedef {import('../wire/protocol.ts').Request} Request */

const MUTE = '/mute NAME: you no longer see what they write'
const UNMUTE = '/unmute NAME: you see it again'
const REPORT = '/report NAME: WHY, with the colon: to the operators, with their last lines'
const ALL = `${MUTE}. ${UNMUTE}. ${REPORT}.`

/**
 * A request for the server, or words for the player alone.
 * @param {string} line
 * @returns {{ request: Request } | { notice: string }}
 */
export function requestOf(line) {
  if (!line.startsWith('/')) return { request: { type: 'say', text: line } }
  const mute = /^\/(un)?mute\s+(\S.*)$/.exec(line)
  if (mute !== null) return { request: { type: 'mute', name: mute[2], on: mute[1] === undefined } }
  const report = /^\/report\s+([^:]*[^:\s])\s*:\s*(\S.*)$/.exec(line)
  if (report !== null) return { request: { type: 'report', name: report[1], text: report[2] } }
  const [word] = line.split(/\s/)
  if (word === '/help') return { notice: ALL }
  if (word === '/mute') return { notice: `Not sent. ${MUTE}.` }
  if (word === '/unmute') return { notice: `Not sent. ${UNMUTE}.` }
  if (word === '/report') return { notice: `Not sent. ${REPORT}.` }
  return { notice: `Not sent: there is no ${word.slice(0, 20)}. ${ALL}` }
}
