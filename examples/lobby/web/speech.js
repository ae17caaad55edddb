// @ts-check
// What a line in the chat asks for: to be said, or about somebody who talks. Pure.

/** @typedef {import('../wire/protocol.ts').Request} Request */

/**
 * `/mute NAME`, `/unmute NAME` and `/report NAME: WHY`; everything else is said.
 * @param {string} line
 * @returns {Request}
 */
export function requestOf(line) {
  const mute = /^\/(un)?mute\s+(\S.*)$/.exec(line)
  if (mute !== null) return { type: 'mute', name: mute[2], on: mute[1] === undefined }
  const report = /^\/report\s+([^:]*[^:\s])\s*:\s*(\S.*)$/.exec(line)
  if (report !== null) return { type: 'report', name: report[1], text: report[2] }
  return { type: 'say', text: line }
}
