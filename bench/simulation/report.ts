// What the benchmark of the simulation found, as it stands in results/simulation.json, and its
// table for the pages. Knows no processes.
import { markdownTable } from 'markdown-table'

export interface Crowd {
  clients: number
  /** Processor time of both ends' connect and accept. */
  connectCpuUs: number
  packetsPerCpuSecond: number
  packets: number
  answered: number
  bytesAClient: number
  residentMb: number
  trace: string
}

export interface SimulationReport {
  date: string
  command: string
  machine: string
  crowds: Crowd[]
}

const GOALS = { packetsPerCpuSecond: 500_000, bytesAClient: 1000, bytesAnEnd: 400 }
const markers = [
  '<!-- simulation: written by npm run bench:simulation -->\n',
  '<!-- simulation: end -->\n'
] as const

/** The pages that show it. */
export const pages = ['docs/performance.md', 'docs/testing-netcode.md']

export function tableOf({ crowds }: SimulationReport): string {
  const head = [
    'clients',
    'packets a second of processor time',
    'a client, both ends',
    'of it an end',
    'connect and accept',
    'resident'
  ]
  const lines = crowds.map((crowd) => [
    whole(crowd.clients),
    whole(crowd.packetsPerCpuSecond),
    `${whole(crowd.bytesAClient)} B`,
    `${whole(crowd.bytesAClient / 2)} B`,
    `${crowd.connectCpuUs.toFixed(1)} µs`,
    `${whole(crowd.residentMb)} MB`
  ])
  return markdownTable([head, ...lines], {
    align: head.map(() => 'r'),
    alignDelimiters: false
  })
}

/** Of the largest crowd for memory, of the smallest for speed: what was promised. */
function goalsOf({ crowds }: SimulationReport): string {
  const most = crowds[crowds.length - 1]
  const first = crowds[0]
  const verdict = (holds: boolean) => (holds ? 'holds' : '**missed**')
  const { bytesAClient } = most
  return [
    `${whole(GOALS.packetsPerCpuSecond)} packets a second and core, of ${whole(first.clients)} ` +
      `clients: ${verdict(first.packetsPerCpuSecond >= GOALS.packetsPerCpuSecond)}.`,
    `At most ${whole(GOALS.bytesAClient)} B a client of ${whole(most.clients)}: ` +
      `${verdict(bytesAClient <= GOALS.bytesAClient)}.`,
    `At most ${GOALS.bytesAnEnd} B an end, as half of a client: ` +
      `${verdict(bytesAClient / 2 <= GOALS.bytesAnEnd)}.`
  ].join('\n')
}

/** A page with the report in it. */
export function pageWith(path: string, text: string, report: SimulationReport): string {
  const [before, rest] = text.split(markers[0])
  const [, after] = (rest ?? '').split(markers[1])
  if (after === undefined) throw new Error(`${path} has lost the markers of the simulation`)
  const section = [
    tableOf(report),
    '',
    goalsOf(report),
    '',
    '![What a packet costs, by the number of clients](https://github.com/pollport/pollport/raw/main/bench/results/simulation.svg)',
    '',
    `Measured on ${report.date} by \`${report.command}\`: ${report.machine}.`,
    ''
  ].join('\n')
  return `${before}${markers[0]}\n${section}\n${markers[1]}${after}`
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}
