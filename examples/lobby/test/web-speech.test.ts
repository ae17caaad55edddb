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
  ['look: /mute Bob', { type: 'say', text: 'look: /mute Bob' }]
])('%j', (line, request) => {
  expect(requestOf(line)).toEqual({ request })
})

test.each([
  ['/help', /NAME.*\/unmute.*\/report NAME: WHY/],
  ['/mute', /^Not sent\. \/mute NAME/],
  ['/unmute ', /^Not sent\. \/unmute NAME/],
  ['/report Bob', /^Not sent\. \/report NAME: WHY/],
  ['/report Bob he is rude', /^Not sent\. \/report NAME: WHY/],
  ['/reprot Bob: he is rude', /^Not sent: there is no \/reprot\. \/mute/],
  ['/', /^Not sent: there is no \/\./]
])('%j is never said, and the player reads how it is written', (line, words) => {
  expect(requestOf(line)).toEqual({ notice: expect.stringMatching(words) })
})
