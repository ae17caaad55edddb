// Addresses: pollport takes exactly what Node and the system take for a numeric address, and what
// it gives back means the same place. Other text is refused with ERR_INVALID_ADDRESS and nothing
// else. Input: the text. The corpus is native/address.cc's as well.
import assert from 'node:assert/strict'
import { isIPv4, isIPv6, SocketAddress as NodesAddress } from 'node:net'
import { packed, SocketAddress } from '../../../lib/address.ts'
import { addon } from '../../../lib/binding/load.ts'
import { PACKED_ADDRESS } from '../../../lib/binding/records.ts'

const LOOPBACK_SCOPE = 1
// musl and Windows write a few rare addresses in another way, with the same meaning.
const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
const writesAsGlibc = process.platform !== 'win32' && header?.glibcVersionRuntime !== undefined

/**
 * Node's own view, without the scope: it checks that a scope is well-formed, pollport that there is
 * such an interface.
 */
function nodesView(text: string): { family: 'ipv4' | 'ipv6'; address: string } | undefined {
  const [address] = text.split('%', 1)
  if (isIPv4(text)) return { family: 'ipv4', address: new NodesAddress({ address: text }).address }
  if (isIPv6(address))
    return { family: 'ipv6', address: new NodesAddress({ address, family: 'ipv6' }).address }
  return undefined
}

function parsed(text: string, port: number): SocketAddress | undefined {
  try {
    return new SocketAddress({ address: text, port })
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'ERR_INVALID_ADDRESS')
    return undefined
  }
}

export function fuzz(data: Uint8Array): void {
  const text = Buffer.from(data).toString()
  const port = (data.length * 257) & 0xffff
  const found = parsed(text, port)
  const nodes = nodesView(text)
  const hasScope = text.includes('%')

  if (nodes === undefined) return assert.equal(found, undefined, 'Node knows no such address')
  // A scope must be an interface, or a number that may be one: "%0" is none.
  if (found === undefined) return assert(hasScope, 'Node knows this address')
  assert.equal(found.family, nodes.family)
  assert.equal(found.port, port)
  if (!hasScope) assert.equal(new NodesAddress({ ...found.toJSON() }).address, nodes.address)

  // Text, packed bytes and text again, by every way that there is.
  const bytes = packed(found)
  const back = SocketAddress.fromPacked(bytes, 0)
  assert.deepEqual(back.toJSON(), found.toJSON())
  assert.deepEqual(packed(back), bytes)
  const compact = SocketAddress.compactFromPacked(bytes, 0)
  const expanded = typeof compact === 'number' ? SocketAddress.fromCompact(compact) : compact
  assert.deepEqual(packed(expanded), bytes)
  const offset = 5
  const room = new Uint8Array(PACKED_ADDRESS.bytes + 2 * offset).fill(0xee)
  assert.deepEqual(
    packed({ address: found.address, port }),
    bytes,
    'what it says, parsed again, is the same place'
  )
  found.packInto(room, offset)
  assert.deepEqual(SocketAddress.fromPacked(room, offset).toJSON(), found.toJSON())
  assert(
    room.subarray(0, offset).every((byte) => byte === 0xee) &&
      room.subarray(-offset).every((byte) => byte === 0xee)
  )

  // The system's parser, which IPv4 does not pass through otherwise, and its printer.
  const native = new Uint8Array(PACKED_ADDRESS.bytes)
  assert.equal(addon().addressParse(text, port, native), 0)
  assert.deepEqual(native, bytes)
  if (writesAsGlibc) assert.equal(addon().addressFormat(bytes, 0), found.address)
  if (!hasScope && found.family === 'ipv6') {
    const scoped = parsed(`${text}%${LOOPBACK_SCOPE}`, port)
    assert(scoped !== undefined && packed(scoped)[PACKED_ADDRESS.scope] === LOOPBACK_SCOPE)
  }
}
