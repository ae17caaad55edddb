// The text of IPv6 addresses is read and written in TypeScript, so that a simulation needs no
// addon: held against the system's inet_pton and inet_ntop, and against Node.
import { isIP, SocketAddress as NodesAddress } from 'node:net'
import { expect, test } from 'vitest'
import { SocketAddress } from '../../lib/address.ts'
import { addon } from '../../lib/binding/load.ts'
import { PACKED_ADDRESS } from '../../lib/binding/records.ts'
import { formatIpv6, parseIpv6 } from '../../lib/ipv6.ts'
import { newSeed, randomFrom } from '../support/poller-random.ts'
import { isWindows } from '../support/system.ts'

const ROUNDS = 5000
const BYTES = 16
// musl and Windows write a few rare addresses in another way, with the same meaning.
const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
const writesAsGlibc = !isWindows && header?.glibcVersionRuntime !== undefined

/** What the system reads, or undefined. */
function systems(text: string): Uint8Array | undefined {
  const packed = new Uint8Array(PACKED_ADDRESS.bytes)
  if (addon().addressParse(text, 0, packed) !== 0) return undefined
  return packed[PACKED_ADDRESS.family] === 6 ? packed.slice(PACKED_ADDRESS.address) : undefined
}

function ours(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(BYTES).fill(0xee)
  return parseIpv6(text, bytes, 0) ? bytes : undefined
}

function assertWritesSame(bytes: Uint8Array, why: string): void {
  const text = formatIpv6(bytes, 0)
  expect({ text, bytes: systems(text) }, why).toEqual({ text, bytes })
  expect(new NodesAddress({ address: text, family: 'ipv6' }).address, why).toBe(text)
  if (!writesAsGlibc) return
  const packed = new Uint8Array(PACKED_ADDRESS.bytes)
  packed[0] = 6
  packed.set(bytes, PACKED_ADDRESS.address)
  expect(addon().addressFormat(packed, 0), why).toBe(text)
}

function assertReadsSame(text: string, why: string): void {
  // Windows alone takes zeros before the numbers of an IPv4 address, `::1.2.3.04`.
  if (isWindows && ours(text) === undefined && isIP(text) === 0) return
  expect({ text, bytes: ours(text) }, why).toEqual({ text, bytes: systems(text) })
}

const randomBytes = (random: (limit: number) => number) => {
  // Zeros and ones are what the short forms are about.
  const zeros = random(17)
  const kinds = [0, 1, 255, random(256)]
  return Uint8Array.from({ length: BYTES }, (_, at) => (at < zeros ? 0 : (kinds[random(4)] ?? 0)))
}

const PIECES = ['0', '00', '1', 'f', 'FfFf', '01ab', '12345', ':', ':', ':', '::', '::', '.']
const MORE = ['1.2.3.4', '255.0.0.1', '256.1.1.1', '01.2.3.4', 'g', ' ', '-', '\0', '\n', '[', ']']

test('random bytes are written as the system and Node write them, and read back', () => {
  const seed = newSeed()
  const random = randomFrom(seed)
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = randomBytes(random)
    assertWritesSame(bytes, `seed ${seed}`)
    expect(ours(formatIpv6(bytes, 0)), `seed ${seed}`).toEqual(bytes)
  }
})

test('random texts are taken and refused as the system does it', () => {
  const seed = newSeed()
  const random = randomFrom(seed)
  let taken = 0
  for (let round = 0; round < ROUNDS * 4; round++) {
    let text = ''
    const pieces = random(100) < 90 ? PIECES : [...PIECES, ...MORE]
    if (round % 2 === 0) {
      // An address that something was done to.
      text = formatIpv6(randomBytes(random), 0)
      const at = random(text.length + 1)
      text = text.slice(0, at) + pieces[random(pieces.length)] + text.slice(at + random(3))
    } else for (let left = random(16); left > 0; left--) text += pieces[random(pieces.length)]
    assertReadsSame(text, `seed ${seed}`)
    if (ours(text) !== undefined) taken++
  }
  expect(taken, `seed ${seed}`).toBeGreaterThan(ROUNDS / 10)
})

test.each([
  ['0:0:0:0:0:0:0:0', '::'],
  ['0::1', '::1'],
  ['::1:0', '::0.1.0.0'],
  ['1:0:0:0:0:0:0:0', '1::'],
  ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['::ffff:7f00:1', '::ffff:127.0.0.1'],
  ['0:0:0:0:0:ffff:1.2.3.4', '::ffff:1.2.3.4'],
  ['::1.2.3.4', '::1.2.3.4'],
  ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0']
])('%s is %s', (text, written) => {
  assertReadsSame(text, text)
  expect(String(new SocketAddress({ address: text, port: 1 }))).toBe(`[${written}]:1`)
})

test.each([
  '',
  ':',
  ':::',
  '1',
  '1:2',
  '::1::',
  '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7::8',
  '::1.2.3'
])('%j is no address', (text) => {
  assertReadsSame(text, text)
  expect(() => new SocketAddress({ address: text, port: 1 })).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ADDRESS' })
  )
})

test('a scope is what the system says, and an interface that is not there is named as the reason', () => {
  expect(new SocketAddress({ address: 'fe80::1%1', port: 1 }).address).toMatch(/^fe80::1%./)
  expect(ours('fe80::1%1')).toBeUndefined()
  expect(() => new SocketAddress({ address: 'fe80::1%no-such', port: 1 })).toThrow(
    /is not a numeric .* after the % stands the name or number of an interface/
  )
  // IPv4 has no scopes, and this may be a name.
  for (const address of ['10.0.0.1%1', 'cafe%eth0'])
    expect(() => new SocketAddress({ address, port: 1 })).toThrow(/resolve names with node:dns/)
})
