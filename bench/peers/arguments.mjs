// The command line of every rival: <rival> <role> [--bytes B] [--each K] [--hz H]
// [options of its own]
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    bytes: { type: 'string', default: '64' },
    each: { type: 'string', default: '1' },
    hz: { type: 'string', default: '60' },
    loop: { type: 'string' },
    'spin-ms': { type: 'string', default: '0' },
    run: { type: 'boolean', default: false },
    serve: { type: 'boolean', default: false },
    framework: { type: 'string' },
    'batch-calls': { type: 'string', default: 'auto' },
    cork: { type: 'boolean', default: false }
  }
})

/**
 * `echo`, `sink`, `source`, `http`, `fanout`, `tick`, `udp-echo`, `udp-fanout`, `ws-echo` or
 * `ws-publish`.
 */
export const [role] = positionals
/** How many messages each member gets in a tick of the fan-out. */
export const each = Number(values.each)
/** Ticks a second. */
export const hz = Number(values.hz)
/** Which loop makes the ticks. */
export const loop = values.loop
/** How long before a tick the loop stops blocking. */
export const spinMs = Number(values['spin-ms'])
/** Poller inside Node's own loop. */
export const run = values.run
/** A server of Node's is served on a Poller, and does not listen itself. */
export const isServed = values.serve
/** `express` or `fastify`; Node's http alone, if not given. */
export const { framework } = values
/** Whether pollport may send to many by one call. */
export const batchCalls = values['batch-calls']
/** net gathers what it writes to a member. */
export const cork = values.cork
/** What a fan-out and a source send; as long is what comes to a sink. */
export const message = Buffer.alloc(Number(values.bytes), 'x')
/** What a sink answers when it has a message. */
export const done = Buffer.from('d')
/** A datagram that begins with it says hello; every other one asks for a tick of the fan-out. */
export const HELLO = 'h'.charCodeAt(0)
/** What a tick sends to everybody. */
export const state = Buffer.alloc(64, 's')
/** Thousands of connections come at once. */
export const backlog = 4096

/** Says that this rival cannot run here, which is an answer and no failure, and ends. */
export function absent(error) {
  console.log(`absent ${error.message.split('\n')[0]}`)
  process.exit(0)
}
