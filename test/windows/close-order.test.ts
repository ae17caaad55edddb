// Windows sends a reset for a connection that is closed over a receive in flight, and what the peer
// has not read yet may be lost. Under Wine nothing of that happens: so under Wine the calls are
// looked for, in its own trace.
import { expect, test } from 'vitest'
import { isWine } from '../support/system.ts'
import { traceOf } from '../support/wine-trace.ts'

test.runIf(isWine)(
  'a connection’s receive is cancelled before its socket is closed',
  { timeout: 40_000 },
  async () => {
    const program = new URL('./close-with-receive.mjs', import.meta.url)
    const lines = await traceOf(program, 'trace+winsock,trace+file')
    const handle = (text: string) => Number.parseInt(text, 16)
    const receiving = new Set<number>()
    const order: string[] = []
    for (const line of lines) {
      const received = /trace:winsock:WS2_recv_base socket (?:0x)?([0-9a-f]+)/i.exec(line)
      const cancelled = /trace:file:(?:NtCancelIoFileEx|cancel_io) \(?(?:0x)?([0-9a-f]+)/i.exec(
        line
      )
      const closed = /trace:winsock:closesocket (?:socket )?(?:0x)?([0-9a-f]+)/i.exec(line)
      if (received !== null) receiving.add(handle(received[1]))
      if (cancelled !== null && receiving.has(handle(cancelled[1]))) order.push('cancel')
      if (closed !== null && receiving.delete(handle(closed[1]))) order.push('close')
    }
    expect(order).toEqual(['cancel', 'close', 'cancel', 'close', 'cancel', 'close'])
  }
)
