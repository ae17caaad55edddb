// What a line in the page's chat asks for: web/speech.js alone, without a page.
import { expect, test } from 'vitest'
import { requestOf } from '../web/speech.js'

test.each([
  ['hello', { type: 'say', text: 'hello' }],
  ['/mute Bob', { type: 'mute', name: 'Bob', on: true }],
  ['/unmute Bob the Great', { type: 'mute', name: 'Bob the Great', on: false }],
  [
    '/report Bob: he asks for passwords',
    { type: 'report', name: 'Bob', text: 'he asks for passwords' }
  ],
  ['/report A b : why: because', { type: 'report', name: 'A b', text: 'why: because' }],
  ['/mute', { type: 'say', text: '/mute' }],
  ['/report Bob', { type: 'say', text: '/report Bob' }],
  ['look: /mute Bob', { type: 'say', text: 'look: /mute Bob' }]
])('%j', (line, request) => {
  expect(requestOf(line)).toEqual(request)
})
