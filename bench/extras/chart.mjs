// Draws the chart of a report: node --import tsx bench/extras/chart.mjs latest.json chart.svg Plain
// JavaScript in a program of its own, since Vega is installed by the benchmarks only and the
// checkout's type checker has to do without it.
import { readFileSync, writeFileSync } from 'node:fs'
import { parse, View } from 'vega'
import { compile } from 'vega-lite'
import { compared, find, questionsOf } from '../report.ts'

const [input, output] = process.argv.slice(2)
const report = JSON.parse(readFileSync(input, 'utf8'))

// Who is drawn, under which name; C itself is the line at 1.
const shown = {
  Poller: 'pollport Poller',
  Epoll: 'pollport Epoll',
  Bun: 'Bun',
  net: 'Node',
  dgram: 'Node'
}
const names = ['pollport Poller', 'pollport Epoll', 'Bun', 'Node']
const colours = ['#0b7285', '#74c0c8', '#e8a33d', '#a3a9b1']
const ink = '#24292f'
const rule = '#d0d7de'

const bars = questionsOf(report)
  .filter((question) => question.inChart)
  .flatMap(({ name, rows }) =>
    rows.flatMap((row) => {
      const ratio = compared(row, find(rows, row.variant, 'C'), 'cpuUs')
      if (!(row.competitor in shown) || ratio === undefined) return []
      return [{ benchmark: `${name}, ${row.variant}`, name: shown[row.competitor], ratio }]
    })
  )
const order = [...new Set(bars.map((bar) => bar.benchmark))]
const most = Math.max(2, ...bars.map((bar) => bar.ratio))

const place = {
  y: {
    field: 'benchmark',
    type: 'nominal',
    sort: order,
    title: null,
    axis: { labelLimit: 0, ticks: false, domain: false }
  },
  yOffset: { field: 'name', type: 'nominal', sort: names }
}
const spec = {
  title: {
    text: 'Processor time a message, as a multiple of hand-written C',
    subtitle: "User and system time of the server's process; shorter is better",
    anchor: 'start',
    frame: 'group',
    offset: 14
  },
  data: { values: bars },
  width: 560,
  height: { step: 11, for: 'offset' },
  background: 'white',
  padding: 16,
  layer: [
    {
      mark: { type: 'bar', cornerRadiusEnd: 2 },
      encoding: {
        ...place,
        x: {
          field: 'ratio',
          type: 'quantitative',
          title: 'times C',
          scale: { domain: [0, most * 1.06], nice: false },
          axis: {
            orient: 'top',
            tickCount: 6,
            gridColor: rule,
            gridDash: [2, 3],
            domain: false,
            ticks: false
          }
        },
        color: {
          field: 'name',
          type: 'nominal',
          scale: { domain: names, range: colours },
          legend: {
            orient: 'bottom',
            title: null,
            symbolType: 'square',
            columnPadding: 14,
            offset: 12
          }
        }
      }
    },
    {
      mark: { type: 'text', align: 'left', dx: 4, fontSize: 9, color: ink },
      encoding: {
        ...place,
        x: { field: 'ratio', type: 'quantitative' },
        text: { field: 'ratio', format: '.2f' }
      }
    },
    {
      data: { values: [{ c: 1 }] },
      mark: { type: 'rule', color: ink, strokeWidth: 1.5 },
      encoding: { x: { field: 'c', type: 'quantitative' } }
    }
  ],
  config: {
    font: 'Helvetica, Arial, sans-serif',
    view: { stroke: null },
    axis: {
      labelColor: ink,
      titleColor: ink,
      labelFontSize: 11,
      titleFontSize: 11,
      titleFontWeight: 'normal'
    },
    axisY: { labelFontSize: 12, labelPadding: 8 },
    legend: { labelColor: ink, labelFontSize: 12 },
    title: {
      color: ink,
      fontSize: 16,
      subtitleColor: '#57606a',
      subtitleFontSize: 11,
      subtitlePadding: 6
    }
  }
}

const view = new View(parse(compile(spec).spec), { renderer: 'none' })
writeFileSync(output, `${await view.toSVG()}\n`)
