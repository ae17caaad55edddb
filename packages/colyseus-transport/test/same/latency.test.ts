// A simulated latency, and peers that say nothing.
import { ask, joinWithoutSdk, statuses } from '../support/raw-socket.ts'
import { same } from '../support/same.ts'
import { message } from '../support/serving.ts'

same('a simulated latency delays a round trip by itself, and ends', {
  async run(serving) {
    const room = await serving.client().joinOrCreate('game')
    await message(room, 'welcome')
    const roundTripMs = async () => {
      const startedAt = performance.now()
      const echo = message(room, 'echo')
      room.send('echo', 1)
      await echo
      return performance.now() - startedAt
    }
    // One of them may come late by itself, on a busy machine.
    const bestOfFiveMs = async () => {
      const times: number[] = []
      while (times.length < 5) times.push(await roundTripMs())
      return Math.min(...times)
    }
    const before = await bestOfFiveMs()
    serving.command({ do: 'simulateLatency', ms: 600 })
    await serving.heard('done simulateLatency')
    const during = await roundTripMs()
    serving.command({ do: 'simulateLatency', ms: 0 })
    await serving.heard('done simulateLatency', 2)
    const after = await bestOfFiveMs()
    // Half of it: what comes in is not held back for a client that has joined already.
    return { before: before < 290, during: during >= 290, after: after < 290 }
  },
  sees: { before: true, during: true, after: true }
})

same('messages that are held back keep their order and their bytes', {
  async run(serving) {
    const room = await serving.client().joinOrCreate('game')
    await message(room, 'welcome')
    serving.command({ do: 'simulateLatency', ms: 40 })
    await serving.heard('done simulateLatency')
    const seen: string[] = []
    await new Promise<void>((resolve) => {
      room.onMessage('bytes', (bytes: Uint8Array) => {
        seen.push(Buffer.from(bytes).toString('hex'))
        if (seen.length === 20) resolve()
      })
      for (let number = 0; number < 20; number++)
        room.sendBytes('bytes', new Uint8Array(4).fill(number))
    })
    return seen.every((hex, at) => hex === Buffer.alloc(4, at).toString('hex'))
  },
  sees: true
})

same('a peer that answers no ping is disconnected', {
  settings: { options: { pingInterval: 200, pingMaxRetries: 2 } },
  async run(serving) {
    const socket = await joinWithoutSdk(serving.port, { autoPong: false })
    let pings = 0
    socket.on('ping', () => pings++)
    const code = await new Promise((resolve) => socket.on('close', resolve))
    return { code, pings: pings > 0, dropped: await serving.heard('drop') }
  },
  sees: { code: 1006, pings: true, dropped: '1006' }
})

same('a peer that answers pings stays, also a silent one', {
  // Far longer than a busy machine keeps a process waiting.
  settings: { options: { pingInterval: 500, pingMaxRetries: 2 } },
  async run(serving) {
    const socket = await joinWithoutSdk(serving.port)
    let pings = 0
    await new Promise<void>((resolve) =>
      socket.on('ping', () => {
        if (++pings === 5) resolve()
      })
    )
    const isOpen = socket.readyState === socket.OPEN
    socket.terminate()
    return isOpen
  },
  sees: true
})

same('without pings a silent client stays', {
  settings: { options: { pingInterval: 0 } },
  async run(serving) {
    const room = await serving.client().joinOrCreate('game')
    await message(room, 'welcome')
    await new Promise((resolve) => setTimeout(resolve, 300))
    const answer = await ask(serving.port, [
      'GET /__healthcheck HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
    ])
    return { isOpen: room.connection.isOpen, status: statuses(answer) }
  },
  sees: { isOpen: true, status: [200] }
})
