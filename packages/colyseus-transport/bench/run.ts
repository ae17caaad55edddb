// npm run bench:colyseus [-- --clients 1000] [--rounds 3] [--seconds 8]: what a message costs the
// server, and what a client keeps there, on this transport and on the default one. The server has
// one core, the clients the other; the transports take turns; the median of the rounds counts.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Answer, type Question, type Seen, type Workload, workloads } from './workload.ts'

const WARM_UP_SECONDS = 3
// V8's young generation has its size from the start: it grows with what a program does, and not
// with how many clients there are.
const V8_OPTIONS = ['--expose-gc', '--min-semi-space-size=16', '--max-semi-space-size=16']
const transports = ['default', 'pollport'] as const
type TransportName = (typeof transports)[number]

interface Figures {
  cpuUs: number
  messagesPerSecond: number
  bytesAClient: number
}

const { values } = parseArgs({
  options: {
    clients: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '8' }
  }
})

function start(core: number, program: string, ...args: string[]): ChildProcess {
  // As many descriptors as the system allows, an end with ours, one core.
  const shell = 'ulimit -n "$(ulimit -Hn)" && exec setpriv --pdeathsig KILL taskset -c "$@"'
  const node = [process.execPath, ...V8_OPTIONS, join(import.meta.dirname, program), ...args]
  return spawn('sh', ['-c', shell, 'sh', String(core), ...node], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc']
  })
}

async function answer<T = Answer>(child: ChildProcess, question?: object): Promise<T> {
  const answered = once(child, 'message')
  if (question !== undefined) child.send(question)
  const ended = once(child, 'exit').then(() => {
    throw new Error('a part of the benchmark has ended')
  })
  const [message] = (await Promise.race([answered, ended])) as [T]
  return message
}

async function measure(transport: TransportName, workload: Workload): Promise<Figures> {
  const server = start(0, 'server.ts', transport, String(workload.patchMs))
  const clients = start(1, 'clients.ts')
  try {
    const [{ port }] = await Promise.all([answer(server), answer(clients)])
    const { paths } = await answer(server, { seats: workload.clients } satisfies Question)
    const empty = await answer(server, {})
    await answer(clients, { port, paths })
    await answer(clients, { workload, seconds: WARM_UP_SECONDS })
    const before = await answer(server, {})
    const startedAt = performance.now()
    const seen = await answer<Seen>(clients, { workload, seconds: Number(values.seconds) })
    const after = await answer(server, {})
    const seconds = (performance.now() - startedAt) / 1000
    const got = (after.messages ?? 0) - (before.messages ?? 0)
    if (got < seen.moves * 0.98) throw new Error(`${seen.moves} moves were sent, ${got} came`)
    const messages = got + seen.patches
    return {
      cpuUs: ((after.cpuUs ?? 0) - (before.cpuUs ?? 0)) / messages,
      messagesPerSecond: messages / seconds,
      bytesAClient: ((after.residentBytes ?? 0) - (empty.residentBytes ?? 0)) / workload.clients
    }
  } finally {
    for (const child of [clients, server]) child.kill('SIGKILL')
  }
}

const median = (numbers: number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] as number

const chosen = workloads.filter(
  ({ clients }) => values.clients === undefined || clients === Number(values.clients)
)
console.log('| clients | | default | pollport | ratio |\n|-:|:-|-:|-:|-:|')
for (const workload of chosen) {
  const rounds: Record<TransportName, Figures>[] = []
  for (let round = 0; round < Number(values.rounds); round++) {
    const figures = {} as Record<TransportName, Figures>
    for (const transport of transports) figures[transport] = await measure(transport, workload)
    rounds.push(figures)
    console.error(`round ${round + 1}: ${JSON.stringify(figures)}`)
  }
  const row = (what: string, of: (figures: Figures) => number, show: (value: number) => string) => {
    const [theirs, ours] = transports.map((name) => median(rounds.map((round) => of(round[name]))))
    const ratio = median(rounds.map((round) => of(round.pollport) / of(round.default)))
    const cells = [show(theirs as number), show(ours as number), ratio.toFixed(2)]
    console.log(`| ${workload.clients} | ${what} | ${cells.join(' | ')} |`)
  }
  const wholly = (value: number) => Math.round(value).toLocaleString('en-US')
  row(
    'CPU a message, µs',
    ({ cpuUs }) => cpuUs,
    (value) => value.toFixed(2)
  )
  row('memory a client, B', ({ bytesAClient }) => bytesAClient, wholly)
  row('messages a second', ({ messagesPerSecond }) => messagesPerSecond, wholly)
}
