// Long runs of the random model: npm run model [-- --operations 5000000 --seeds 50] [--seed N]
// [--publish] (npm run model:windows: under Wine) The operations are shared among the seeds; --seed
// runs that one alone. The first failure is made small, printed, and ends the run with 1.
import { parseArgs } from 'node:util'
import { publish } from '../../scripts/figures.ts'
import { newSeed } from '../support/poller-random.ts'
import { isWindows } from '../support/system.ts'
import { Player } from './player.ts'
import type { Counts } from './world.ts'

const { values } = parseArgs({
  options: {
    operations: { type: 'string', default: '100000' },
    seeds: { type: 'string', default: '20' },
    seed: { type: 'string' },
    publish: { type: 'boolean', default: false }
  }
})
const seeds = values.seed === undefined ? Number(values.seeds) : 1
const operations = Number(values.operations)
const count = Math.ceil(operations / seeds)
const first = values.seed === undefined ? newSeed() : Number(values.seed)
const total: Counts = {
  operations: 0,
  connections: 0,
  bytes: 0,
  datagrams: 0,
  messages: 0,
  events: 0
}
const player = new Player()
for (let at = 0; at < seeds; at++) {
  const seed = (first + at) % 2 ** 32
  const { counts, report } = await player.playSeed(seed, count)
  if (report !== undefined) {
    console.error(report)
    player.close()
    process.exit(1)
  }
  for (const name of Object.keys(total) as (keyof Counts)[]) total[name] += counts[name]
  console.log(
    `seed ${seed}: ${counts.operations} operations, ${counts.connections} connections, ${counts.events} events`
  )
}
player.close()
console.log(total)
if (values.publish) {
  publish(`model-${isWindows ? 'windows' : 'linux'}`, {
    table: 'Random model',
    column: isWindows ? 'Windows (Wine)' : 'Linux',
    command: `npm run model${isWindows ? ':windows' : ''} -- --operations ${operations} --seeds ${seeds}`,
    rows: [
      ['operations', total.operations],
      ['seeds', seeds],
      ['connections', total.connections],
      ['bytes received', total.bytes],
      ['datagrams received', total.datagrams],
      ['WebSocket messages received', total.messages],
      ['events', total.events],
      // A run with any of either ends before it comes here.
      ['failures', 0],
      ['descriptors lost', 0]
    ]
  })
}
