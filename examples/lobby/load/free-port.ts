// A port for a process that must be given one, and that may start later, or twice.
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Below the ports that systems choose themselves, for a listener on port 0 or for a client: Linux
 * from 32768 on, Windows from 49152 on. One of those could be taken before the process has it.
 */
const FIRST_PORT = 20_000
const LAST_PORT = 32_000
const MOST_TRIES = 100

/** Processes that run at once begin at different ones. */
const PORTS_A_PROCESS = 100

let nextPort = FIRST_PORT + ((process.pid * PORTS_A_PROCESS) % (LAST_PORT - FIRST_PORT))

/** A port of 127.0.0.1 that nobody listens on. A process gets each of them once. */
export async function freePort(): Promise<number> {
  for (let tries = 1; ; tries++) {
    const port = nextPort
    nextPort = port < LAST_PORT ? port + 1 : FIRST_PORT
    const server = createServer().listen(port, '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch (error) {
      if (tries === MOST_TRIES) throw error // it is not that all of them are in use
      continue
    }
    server.close()
    await once(server, 'close')
    return port
  }
}
