// A socket of AcceptEx or ConnectEx is made whole by one more call. Under Wine everything works
// without it, on Windows getpeername(), shutdown() and the options do not: so under Wine the calls
// are counted, in its own trace.
import { expect, test } from 'vitest'
import { isWine } from '../support/system.ts'
import { traceOf } from '../support/wine-trace.ts'

test.runIf(isWine)(
  'I.13 SO_UPDATE_ACCEPT_CONTEXT and SO_UPDATE_CONNECT_CONTEXT are set once for each connection, and each may share its port',
  { timeout: 40_000 },
  async () => {
    const lines = await traceOf(new URL('./five-connections.mjs', import.meta.url), 'trace+winsock')
    const calls = lines.filter((line) => /trace:winsock:setsockopt socket/.test(line))
    const count = (name: RegExp) => calls.filter((line) => name.test(line)).length
    expect(calls.length).toBeGreaterThan(0)
    expect(count(/SO_UPDATE_ACCEPT_CONTEXT|0x700b/)).toBe(10)
    expect(count(/SO_UPDATE_CONNECT_CONTEXT|0x7010/)).toBe(10)
    // ConnectEx wants a bound socket, and one that is bound to port 0 without this option has a
    // port to itself: 16,384 connections are all then.
    expect(count(/SO_REUSE_UNICASTPORT|0x3007/)).toBe(10)
  }
)
