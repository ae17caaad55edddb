// Draws what a simulated packet and a client cost as clients become more: node
// bench/extras/simulation-chart.mjs simulation.json chart.svg Beside the chart of the benchmarks,
// since both need Vega.
import { readFileSync, writeFileSync } from 'node:fs'
import { parse, View } from 'vega'
import { compile } from 'vega-lite'

const [input, output] = process.argv.slice(2)
const { crowds } = JSON.parse(readFileSync(input, 'utf8'))
const shown = [
  { title: 'processor time a packet, µs', of: (crowd) => 1e6 / crowd.packetsPerCpuSecond },
  { title: 'memory a client, both ends, B', of: (crowd) => crowd.bytesAClient }
]
const values = shown.flatMap(({ title, of }) =>
  crowds.map((crowd) => ({ title, clients: crowd.clients, value: of(crowd) }))
)

const spec = {
  title: { text: 'Clients of one simulated server in one process', anchor: 'start' },
  data: { values },
  background: 'white',
  padding: 16,
  facet: { row: { field: 'title', sort: shown.map(({ title }) => title), title: null } },
  resolve: { scale: { y: 'independent' } },
  spec: {
    width: 560,
    height: 140,
    mark: { type: 'line', point: true, strokeWidth: 1.5, color: '#0b7285' },
    encoding: {
      x: {
        field: 'clients',
        type: 'quantitative',
        title: 'clients',
        scale: { type: 'log' },
        axis: { values: crowds.map(({ clients }) => clients), format: ',' }
      },
      y: { field: 'value', type: 'quantitative', title: null, scale: { zero: true } }
    }
  },
  config: { font: 'Helvetica, Arial, sans-serif', view: { stroke: null } }
}

const view = new View(parse(compile(spec).spec), { renderer: 'none' })
writeFileSync(output, `${await view.toSVG()}\n`)
