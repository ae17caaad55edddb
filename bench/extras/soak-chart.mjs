// Draws what the servers of the soak held over time: node bench/extras/soak-chart.mjs series.json
// chart.svg Beside the chart of the benchmarks, since both need Vega.
import { readFileSync, writeFileSync } from 'node:fs'
import { parse, View } from 'vega'
import { compile } from 'vega-lite'

const [input, output] = process.argv.slice(2)
const { minutes, measured } = JSON.parse(readFileSync(input, 'utf8'))
// The picture has some hundred points across: more would only make it heavy.
const POINTS = 200
const shown = [
  { series: 'heapUsed', title: 'heap, MB', unit: 1e6 },
  { series: 'rss', title: 'resident set, MB', unit: 1e6 },
  { series: 'descriptors', title: 'descriptors', unit: 1 }
]
const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1]

const values = shown.flatMap(({ series, title, unit }) =>
  measured.flatMap(({ kind, samples }) => {
    const each = Math.max(Math.ceil(samples.length / POINTS), 1)
    return Array.from({ length: Math.floor(samples.length / each) }, (_, point) => {
      const part = samples.slice(point * each, (point + 1) * each)
      const minute = (part[0].atMs - samples[0].atMs) / 60_000
      return {
        kind,
        title,
        minute: Number(minute.toFixed(3)),
        value: Number((middle(part.map((one) => one[series])) / unit).toFixed(3))
      }
    })
  })
)

const spec = {
  title: { text: `What servers hold in ${minutes} minutes of the soak`, anchor: 'start' },
  data: { values },
  background: 'white',
  padding: 16,
  facet: { row: { field: 'title', sort: shown.map(({ title }) => title), title: null } },
  resolve: { scale: { y: 'independent' } },
  spec: {
    width: 560,
    height: 110,
    mark: { type: 'line', strokeWidth: 1 },
    encoding: {
      x: { field: 'minute', type: 'quantitative', title: 'minutes', scale: { nice: false } },
      y: { field: 'value', type: 'quantitative', title: null, scale: { zero: true } },
      color: { field: 'kind', type: 'nominal', title: null, legend: { orient: 'bottom' } }
    }
  },
  config: { font: 'Helvetica, Arial, sans-serif', view: { stroke: null } }
}

const view = new View(parse(compile(spec).spec), { renderer: 'none' })
writeFileSync(output, `${await view.toSVG()}\n`)
