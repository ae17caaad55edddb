// Cases that a reading of the simulation showed wrong once.
import { runLoop } from 'pollport'
import { explore, SimulatedNetwork, type SimulationError } from 'pollport/simulation'
import { describe, expect, test } from 'vitest'

const SERVER = '10.0.0.1'
const CLIENT = '10.0.0.2'
const to = { address: SERVER, port: 80 }

describe('TCP', () => {
  test('a copy of old data after a close does not break the rest of the answer', async () => {
    for (let seed = 1; seed <= 50; seed++) {
      const network = new SimulatedNetwork({ seed, latencyMs: 20, jitterMs: 30, duplication: 0.3 })
      const server = network.host(SERVER)
      const client = network.host(CLIENT)
      server.run(() => {
        const poller = server.poller()
        poller.listenTcp({ address: SERVER, port: 80 })
        return poller.run((events) => {
          for (const event of events)
            if (event.type === 'receive') {
              event.socket.send(Buffer.alloc(20_000))
              event.socket.close()
            }
        })
      })
      let received = 0
      const codes: (string | undefined)[] = []
      client.run(() => {
        const poller = client.poller()
        poller.connectTcp(to).send('question')
        return poller.run((events) => {
          for (const event of events) {
            if (event.type === 'receive') received += event.data.length
            if (event.type === 'end') event.socket.close()
            if (event.type === 'close') codes.push(event.error?.code)
          }
        })
      })
      await network.run({ untilMs: 100_000 })
      expect({ seed, received, codes }).toEqual({ seed, received: 20_000, codes: [undefined] })
    }
  })

  test('whatever the link and the buffers, every byte arrives, both ways', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const network = new SimulatedNetwork({
        seed,
        latencyMs: 20,
        jitterMs: (seed % 3) * 30,
        duplication: (seed % 2) * 0.05,
        loss: (seed % 4) * 0.08,
        mtuBytes: 576 + (seed % 5) * 200
      })
      const data = Buffer.from(
        Array.from({ length: 30_000 }, (_, at) => (at * 7 + (at >> 8)) & 255)
      )
      const server = network.host(SERVER)
      const client = network.host(CLIENT)
      const pieces: Buffer[] = []
      let answered = 0
      server.run(() => {
        const poller = server.poller()
        const receiveBufferSize = seed % 3 === 0 ? 700 : undefined
        poller.listenTcp({ ...to, receiveBufferSize })
        return poller.run((events) => {
          for (const event of events) {
            if (event.type === 'receive') pieces.push(Buffer.from(event.data))
            if (event.type === 'end') {
              event.socket.send(Buffer.alloc(5000))
              event.socket.end()
            }
          }
        })
      })
      client.run(() => {
        const poller = client.poller()
        const sendBufferSize = seed % 5 === 0 ? 3000 : undefined
        const connection = poller.connectTcp({ ...to, sendBufferSize })
        connection.send(data)
        connection.end()
        return poller.run((events) => {
          for (const event of events) if (event.type === 'receive') answered += event.data.length
        })
      })
      await network.run({ untilMs: 3_000_000 })
      expect({ seed, isSame: Buffer.concat(pieces).equals(data), answered }).toEqual({
        seed,
        isSame: true,
        answered: 5000
      })
    }
  })

  test('a window that is shut for an hour is probed, and the connection stays', async () => {
    const network = new SimulatedNetwork({ seed: 1, latencyMs: 5 })
    const server = network.host(SERVER)
    const client = network.host(CLIENT)
    const types: string[] = []
    server.run(() => {
      const poller = server.poller()
      poller.listenTcp(to)
      return poller.run((events) => {
        for (const event of events) if (event.type === 'accept') event.socket.pause()
      })
    })
    client.run(() => {
      const poller = client.poller()
      poller.connectTcp(to).send(Buffer.alloc(400_000))
      return poller.run((events) => void types.push(...events.map(({ type }) => type)))
    })
    await network.run({ untilMs: 3_600_000 })
    expect(types).toEqual(['connect'])
  })

  test('clients that give up within the handshake take no room of the backlog for good', async () => {
    const network = new SimulatedNetwork({ seed: 1, latencyMs: 5 })
    const server = network.host(SERVER)
    const client = network.host(CLIENT)
    server.run(() => {
      const poller = server.poller()
      poller.listenTcp({ ...to, backlog: 3 })
      return poller.run(() => {})
    })
    let isConnected = false
    client.run(async () => {
      const poller = client.poller()
      void poller.run((events) => {
        isConnected ||= events.some(({ type }) => type === 'connect')
      })
      for (let count = 0; count < 5; count++) {
        const connection = poller.connectTcp(to)
        await client.sleep(2)
        connection.close()
        await client.sleep(50)
      }
      poller.connectTcp(to)
    })
    await network.run({ untilMs: 1000 })
    expect(isConnected).toBe(true)
  })

  test('a client that comes back with the same port is served after a SYN', async () => {
    const network = new SimulatedNetwork({ seed: 1, latencyMs: 5 })
    const server = network.host(SERVER)
    const client = network.host(CLIENT)
    server.run(() => {
      const poller = server.poller()
      poller.listenTcp(to)
      return poller.run(() => {})
    })
    let connects = 0
    const program = () => {
      const poller = client.poller()
      poller.connectTcp({ ...to, localPort: 5000 })
      return poller.run((events) => {
        connects += events.filter(({ type }) => type === 'connect').length
      })
    }
    client.run(program)
    await network.run({ untilMs: 100 })
    client.crash()
    client.restart(program)
    await network.run({ untilMs: 5000 })
    expect(connects).toBe(2)
  })

  test('a connect that cannot begin leaves no socket', () => {
    const network = new SimulatedNetwork({ seed: 1 })
    const poller = network.host(CLIENT).poller()
    const bind = () => poller.connectTcp({ ...to, localAddress: '10.9.9.9' })
    expect(bind).toThrow(expect.objectContaining({ code: 'EADDRNOTAVAIL' }))
    expect(poller.stats.sockets).toBe(0)
  })
})

describe('batches', () => {
  test.each([4, 1024])('with maxEvents %d no datagram and no accept is lost', async (maxEvents) => {
    const network = new SimulatedNetwork({ seed: 1 })
    const receiver = network.host(SERVER).poller({ maxEvents })
    const sender = network.host(CLIENT).poller()
    receiver.bindUdp({ address: SERVER, port: 9, receiveBufferSize: 8 * 1024 * 1024 })
    receiver.listenTcp({ ...to, backlog: 1000 })
    const source = sender.bindUdp({ address: CLIENT, port: 0 })
    for (let count = 0; count < 10_000; count++) source.send('x', { address: SERVER, port: 9 })
    for (let count = 0; count < 300; count++) sender.connectTcp(to)
    sender.flush()
    await network.run({ untilMs: 200 })
    const counts: Record<string, number> = {}
    for (let waits = 0; waits < 20_000; waits++)
      for (const { type } of receiver.wait(0)) counts[type] = (counts[type] ?? 0) + 1
    expect(counts).toEqual({ datagram: 10_000, accept: 300 })
  })

  test('datagrams that came back are bounded as the receive buffer is', async () => {
    const network = new SimulatedNetwork({ seed: 1 })
    network.host(SERVER)
    const poller = network.host(CLIENT).poller({ maxDatagramBytes: 64, maxEvents: 1 })
    const socket = poller.bindUdp({ address: CLIENT, port: 0, reportUnreachable: true })
    for (let count = 0; count < 4000; count++) socket.send('x', { address: SERVER, port: 9 })
    poller.flush()
    await network.run({ untilMs: 100 })
    let errors = 0
    for (let waits = 0; waits < 1000; waits++) errors += poller.wait(0).length
    expect(errors).toBeGreaterThan(100)
    expect(errors).toBeLessThan(400)
  })
})

describe('hosts and programs', () => {
  test('wait() on a host that has crashed is ENETDOWN, and explore() goes on', async () => {
    const network = new SimulatedNetwork({ seed: 1 })
    const host = network.host(SERVER)
    const poller = host.poller()
    host.crash()
    expect(() => poller.wait(10)).toThrow(expect.objectContaining({ code: 'ENETDOWN' }))
    host.restart()
    host.run(() => {
      throw new Error('never started')
    })
    host.crash()
    await network.run({ untilMs: 10 })
  })

  test('a runLoop ends when another program closes its poller, and reports a close at once', async () => {
    const network = new SimulatedNetwork({ seed: 1 })
    const host = network.host(SERVER)
    const log: [string, number][] = []
    host.run(async () => {
      const poller = host.poller()
      const socket = poller.bindUdp({ address: SERVER, port: 0 })
      const loop = runLoop(poller, {
        hz: 1,
        onEvents: (events) => void log.push([events[0]?.type ?? '', network.now]),
        onTick: () => {}
      })
      await host.sleep(100)
      socket.close()
      await host.sleep(100)
      poller.close()
      await loop
      log.push(['over', network.now])
    })
    await network.run({ untilMs: 5000 })
    expect(log).toEqual([
      ['close', 100],
      ['over', 200]
    ])
  })

  test('a plan is made smaller only as long as the same goes wrong', async () => {
    const counts = new Map<SimulatedNetwork, number>()
    const failure = await explore({
      seeds: 100,
      durationMs: 5000,
      hosts: [SERVER, CLIENT],
      link: { latencyMs: 20 },
      scenario(network, { hosts: [server, client] }) {
        const receiver = network.host(server as string)
        const sender = network.host(client as string)
        receiver.run(() => {
          const poller = receiver.poller()
          poller.bindUdp({ address: SERVER, port: 9 })
          return poller.run((events) => {
            counts.set(network, (counts.get(network) ?? 0) + events.length)
          })
        })
        sender.run(async () => {
          const poller = sender.poller()
          const socket = poller.bindUdp({ address: CLIENT, port: 0 })
          void poller.run(() => {})
          for (let count = 0; count < 10; count++) {
            await sender.sleep(300)
            socket.send('x', { address: SERVER, port: 9 })
          }
        })
      },
      checkAtEnd(network) {
        const count = counts.get(network) ?? 0
        if (count < 8) throw new Error(`only ${count} of 10`)
      }
    }).catch((error: SimulationError) => error)
    expect(failure).toMatchObject({
      message: expect.stringMatching(/^only \d of 10/),
      plan: { durationMs: 5000, hosts: [SERVER, CLIENT], faults: [{}] }
    })
  })
})
