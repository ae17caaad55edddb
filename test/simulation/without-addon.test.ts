// A simulation runs where pollport's addon cannot be loaded.
import { expect, test } from 'vitest'
import { startChild } from '../support/child.ts'

test('the module is imported and works where supported is false', async () => {
  const child = startChild(new URL('../support/without-addon.mjs', import.meta.url))
  const { supported, types, peer, clients, addresses } = await child.at('done')
  expect({ supported, types, peer, clients, addresses }).toEqual({
    supported: false,
    types: ['connect', 'connect', 'accept', 'accept', 'receive'],
    peer: '[fd00::1]:80',
    clients: ['::ffff:10.0.0.2', 'fd00::2'],
    addresses: ['fd00::1', 'ERR_INVALID_ADDRESS', 'ERR_ADDON_NOT_FOUND']
  })
  expect((await child.ended).code).toBe(0)
})
