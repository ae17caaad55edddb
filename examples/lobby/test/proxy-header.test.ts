// What a proxy says about a client, and what anybody else says: split anywhere, and never believed
// from the wrong side.
import { expect, test } from 'vitest'
import { proxyHeader } from '../bots/proxy-bytes.ts'
import { ProxyHeaderError, ProxyHeaderReader } from '../gateway/proxy-header.ts'
import { TrustedProxies } from '../gateway/trusted.ts'

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['2001:db8:0:0:0:0:0:7', '2001:db8:0:0:0:0:0:7']
])('the client %s is read from a header that is split at any byte', (client, address) => {
  const bytes = Buffer.concat([proxyHeader(client), Buffer.from('and then the client')])
  for (let at = 0; at <= bytes.length; at++) {
    const reader = new ProxyHeaderReader()
    const first = reader.push(bytes.subarray(0, at))
    const header = first ?? reader.push(bytes.subarray(at))
    expect(header?.address, `split at ${at}`).toBe(address)
    const after = first === undefined ? [] : [bytes.subarray(at)]
    expect(String(Buffer.concat([header?.rest ?? Buffer.alloc(0), ...after]))).toBe(
      'and then the client'
    )
  }
  const reader = new ProxyHeaderReader()
  const headers = [...proxyHeader(client)].map((byte) => reader.push(Buffer.from([byte])))
  expect(headers.slice(0, -1).every((header) => header === undefined)).toBe(true)
  expect(headers.at(-1)?.address).toBe(address)
})

test('more than the address may follow it, and a health check has none', () => {
  const withMore = proxyHeader('203.0.113.7', { more: Buffer.alloc(40, 4) })
  expect(new ProxyHeaderReader().push(withMore)?.address).toBe('203.0.113.7')
  const local = proxyHeader('203.0.113.7', { command: 0 })
  expect(new ProxyHeaderReader().push(local)).toMatchObject({ address: undefined })
  // Section 2.2, AF_UNSPEC: the receiver takes the address of the connection itself
  const unspecified = changed(13, 0)
  expect(new ProxyHeaderReader().push(unspecified)).toMatchObject({ address: undefined })
})

/** PP2_TYPE_SSL, section 2.2.6: a byte of bits, whether its certificate was verified, and more. */
const secure = (bits: number) => Buffer.from([0x20, 0, 5, bits, 0, 0, 0, 0])
const noop = Buffer.from([0x04, 0, 2, 0x20, 0])

test.each([
  ['nothing', Buffer.alloc(0), false],
  ['that it does', secure(1), true],
  ['that it does, with a certificate', secure(7), true],
  ['that it does not', secure(0), false],
  ['that it has a certificate, and no TLS', secure(6), false],
  ['something else before', Buffer.concat([noop, secure(1)]), true],
  ['something else', noop, false],
  ['a value without bytes', Buffer.from([0x20, 0, 0]), false],
  ['a value that is too short', Buffer.from([0x20, 0, 1, 1]), false],
  ['a value that is cut off', Buffer.from([0x20, 0, 5, 1, 0, 0]), false],
  ['a length that is cut off', Buffer.from([0x20, 0]), false],
  ['a value longer than all', Buffer.concat([Buffer.from([0x04, 0xff, 0xff]), secure(1)]), false]
])('whether a client speaks TLS with the proxy: it says %s', (_, more, isSecure) => {
  for (const client of ['203.0.113.7', '2001:db8:0:0:0:0:0:7'])
    expect(new ProxyHeaderReader().push(proxyHeader(client, { more }))).toMatchObject({ isSecure })
  // Of a health check of the proxy's own
  const local = proxyHeader('203.0.113.7', { command: 0, more })
  expect(new ProxyHeaderReader().push(local)).toMatchObject({ isSecure: false })
})

const good = proxyHeader('203.0.113.7')
test.each([
  ['a frame of the game', Buffer.from('\0\x1e{"type":"name","name":"Ann"}')],
  ['TLS', Buffer.from([0x16, 3, 1, 2, 0])],
  ['version 1 of it', Buffer.from('PROXY TCP4 203.0.113.7 127.0.0.1 1 2\r\n')],
  ['another version', changed(12, 0x31)],
  ['another command', changed(12, 0x22)],
  ['datagrams', changed(13, 0x12)],
  ['a length that is too small for its address', Buffer.concat([changed(15, 4)])],
  ['an endless one', changed(14, 0xff)]
])('%s is no header', (_, bytes) => {
  expect(() => new ProxyHeaderReader().push(bytes)).toThrow(ProxyHeaderError)
})

function changed(at: number, byte: number): Buffer {
  const bytes = Buffer.from(good)
  bytes[at] = byte
  return bytes
}

test.each([
  ['203.0.113.9', '1.2.3.4', '203.0.113.9'], // not from a proxy: its own words
  ['10.0.0.1', undefined, '10.0.0.1'],
  ['10.0.0.1', '198.51.100.1', '198.51.100.1'],
  ['10.0.0.1', '1.2.3.4, 198.51.100.1', '198.51.100.1'], // the client wrote the first one
  ['10.0.0.1', '198.51.100.1, 10.9.9.9', '198.51.100.1'], // over two proxies
  ['::ffff:10.0.0.1', '198.51.100.1:4711', '198.51.100.1'],
  ['10.0.0.1', '[2001:db8::1]:80', '2001:db8::1'],
  ['10.0.0.1', 'unknown', '10.0.0.1'],
  ['10.0.0.1', '', '10.0.0.1']
])('from %s with X-Forwarded-For %s comes %s', (peer, header, client) => {
  expect(new TrustedProxies(['10.0.0.0/8']).clientOf(peer, header)).toBe(client)
})

test.each(['10.0.0.0/33', 'lobby', '10.0.0.0/', '10.0.0/8', '::/129', '10.0.0.0/8/9', '1.1.1.1/x'])(
  '%s is no range',
  (range) => expect(() => new TrustedProxies([range])).toThrow(RangeError)
)
