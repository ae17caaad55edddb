// @ts-check
// The plots of a history, over one span of time and with one cursor for all. What each of them
// shows is a table here; the drawing is uPlot's.
import { byId, make, setText } from './dom.js'
import { bytes, clock, compact, count, milliseconds, NOTHING } from './format.js'
import { WINDOW_MS } from './history.js'

/** @typedef {import('./history.js').Sample} Sample */
/**
 * @typedef {{ label: string, color: string, read: (sample: Sample) => number | undefined, isGoal?:
 *   true }} Line
 */
/**
 * @typedef {{ title: string, format: (value: number) => string, lines: Line[], isLogarithmic?: true
 *   }} Kind
 */

/** Above it the server is too late, says the project's goal for 10,000 players. */
export const LATENESS_GOAL_MS = 5
const HEIGHT_PX = 150
/** A lateness beyond the histogram's last bound is drawn there. */
const MOST_MS = 1000

// They differ in lightness, too, for readers who see colours differently.
const BLUE = '#6cb2f5'
const AMBER = '#f2c572'
const GREEN = '#57c7a0'
const RED = '#f47c7c'
const AXIS = '#93a0b1'
const GRID = '#232d3a'

/** @type {Kind[]} */
const kinds = [
  {
    title: 'Players',
    format: count,
    lines: [
      { label: 'players', color: BLUE, read: ({ figures }) => figures?.players },
      { label: 'connections', color: AMBER, read: ({ figures }) => figures?.connections },
      { label: 'playing', color: GREEN, read: ({ figures }) => figures?.playing }
    ]
  },
  {
    title: 'Matches',
    format: count,
    lines: [
      { label: 'running', color: BLUE, read: ({ figures }) => figures?.matches },
      { label: 'players queued', color: AMBER, read: ({ figures }) => figures?.queued }
    ]
  },
  {
    title: 'Tick lateness',
    format: milliseconds,
    isLogarithmic: true,
    lines: [
      { label: 'max', color: AMBER, read: ({ changes }) => changes?.lateness?.max },
      { label: 'p99', color: BLUE, read: ({ changes }) => changes?.lateness?.p99 },
      { label: 'p50', color: GREEN, read: ({ changes }) => changes?.lateness?.p50 },
      { label: 'goal', color: RED, read: () => LATENESS_GOAL_MS, isGoal: true }
    ]
  },
  {
    title: 'Messages per second',
    format: compact,
    lines: [
      { label: 'out', color: BLUE, read: ({ changes }) => changes?.rates.messagesOut },
      { label: 'in', color: AMBER, read: ({ changes }) => changes?.rates.messagesIn }
    ]
  },
  {
    title: 'Bytes per second',
    format: bytes,
    lines: [
      { label: 'out', color: BLUE, read: ({ changes }) => changes?.rates.bytesOut },
      { label: 'in', color: AMBER, read: ({ changes }) => changes?.rates.bytesIn }
    ]
  },
  {
    title: 'Datagrams per second',
    format: compact,
    lines: [
      { label: 'out', color: BLUE, read: ({ changes }) => changes?.rates.datagramsOut },
      { label: 'in', color: AMBER, read: ({ changes }) => changes?.rates.datagramsIn },
      { label: 'refused', color: RED, read: ({ changes }) => changes?.rates.datagramsRefused }
    ]
  }
]

/**
 * One plot with its title and its legend, which shows the values under the cursor, or else the last
 * ones.
 */
class Plot {
  /** @param {Kind} kind @param {() => void} onCursor */
  constructor(kind, onCursor) {
    this.kind = kind
    this.values = kind.lines.map(() => make('b'))
    const legend = kind.lines.map(({ label, color, isGoal }, at) => {
      const dot = make('i', { class: isGoal ? 'dash' : 'dot' })
      dot.style.backgroundColor = color
      return make('li', {}, dot, `${label} `, this.values[at])
    })
    this.chart = make('div', { class: 'chart' })
    this.chart.setAttribute('role', 'img')
    this.panel = make(
      'section',
      { class: 'panel' },
      make(
        'header',
        {},
        make('h3', { text: kind.title }),
        make('ul', { class: 'legend' }, ...legend)
      ),
      this.chart
    )
    this.uPlot = new uPlot(this.#options(onCursor), [[], ...kind.lines.map(() => [])], this.chart)
    new ResizeObserver(() => {
      const width = this.chart.clientWidth
      if (width > 0 && width !== this.uPlot.width) this.uPlot.setSize({ width, height: HEIGHT_PX })
    }).observe(this.chart)
  }

  /** @param {Sample[]} samples */
  show(samples) {
    const columns = this.kind.lines.map(({ read }) => samples.map((sample) => read(sample) ?? null))
    const drawn = columns.map((column) =>
      column.map((value) => (value === Infinity ? MOST_MS : value))
    )
    this.columns = columns
    this.uPlot.setData([samples.map(({ atMs }) => atMs / 1000), ...drawn])
    this.tell()
  }

  tell() {
    const at = this.uPlot.cursor.idx ?? this.uPlot.data[0].length - 1
    const texts = this.kind.lines.map((_, line) => {
      const value = this.columns?.[line][at]
      return value === undefined || value === null ? NOTHING : this.kind.format(value)
    })
    for (const [line, text] of texts.entries()) setText(this.values[line], text)
    const words = this.kind.lines.map(({ label }, line) => `${label} ${texts[line]}`)
    this.chart.setAttribute('aria-label', `${this.kind.title}: ${words.join(', ')}`)
  }

  /**
   * @param {() => void} onCursor
   * @returns {uPlot.Options}
   */
  #options(onCursor) {
    const { kind } = this
    const axis = { stroke: AXIS, font: '11px system-ui, sans-serif', ticks: { show: false } }
    const grid = { stroke: GRID, width: 1 }
    return {
      width: 300,
      height: HEIGHT_PX,
      padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, sync: { key: 'all' }, points: { size: 7 } },
      hooks: {
        setCursor: [
          () => {
            this.tell()
            onCursor()
          }
        ]
      },
      scales: {
        x: {
          range: (_, __, last) => [
            (last ?? Date.now() / 1000) - WINDOW_MS / 1000,
            last ?? Date.now() / 1000
          ]
        },
        y: kind.isLogarithmic
          ? { distr: 3, range: (_, __, most) => [0.09, Math.max(12, (most ?? 0) * 1.3)] }
          : { range: (_, __, most) => [0, Math.max(4, (most ?? 0) * 1.15)] }
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          size: 28,
          gap: 8,
          incrs: [60],
          values: (_, at) => at.map((seconds) => clock(seconds * 1000).slice(0, 5))
        },
        {
          ...axis,
          grid,
          size: 58,
          gap: 6,
          space: 28,
          values: (_, at) => at.map((value) => kind.format(value).replace('.0 ', ' ')),
          ...(kind.isLogarithmic && {
            splits: (_, __, least, most) =>
              [0.1, 1, 10, 100, 1000].filter((at) => at >= least && at <= most),
            filter: (_, at) => at
          })
        }
      ],
      series: [
        {},
        ...kind.lines.map(({ color, isGoal }, at) => {
          return {
            stroke: color,
            width: isGoal ? 1 : 1.75,
            dash: isGoal ? [5, 4] : undefined,
            fill: at === 0 && !kind.isLogarithmic ? `${color}14` : undefined,
            points: { show: false }
          }
        })
      ]
    }
  }
}

/** All plots, in the element `#plots`. */
export class Plots {
  /** @type {Sample[]} */
  #samples = []
  #plots = kinds.map((kind) => new Plot(kind, () => this.#tellTime()))
  /** The sample that the arrow keys have gone to. @type {number | undefined} */
  #chosenAtMs

  constructor() {
    const plots = byId('plots')
    plots.append(...this.#plots.map(({ panel }) => panel))
    plots.addEventListener('keydown', (event) => this.#onKey(event))
    plots.addEventListener('blur', () => this.#choose(undefined))
  }

  /** @param {Sample[]} samples */
  show(samples) {
    this.#samples = samples
    for (const plot of this.#plots) plot.show(samples)
    if (this.#chosenAtMs !== undefined) this.#choose(this.#chosenAtMs)
    this.#tellTime()
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const steps = {
      ArrowLeft: -1,
      ArrowRight: 1,
      PageUp: -30,
      PageDown: 30,
      Home: -Infinity,
      End: Infinity
    }[event.key]
    if (event.key === 'Escape') this.#choose(undefined)
    if (steps === undefined || this.#samples.length === 0) return
    event.preventDefault()
    const last = this.#samples.length - 1
    const found = this.#samples.findIndex(({ atMs }) => atMs >= (this.#chosenAtMs ?? Infinity))
    const at = Math.min(last, Math.max(0, (found === -1 ? last : found) + steps))
    this.#choose(this.#samples[at].atMs)
  }

  /** @param {number | undefined} atMs */
  #choose(atMs) {
    this.#chosenAtMs = atMs
    for (const { uPlot } of this.#plots) {
      uPlot.setCursor(
        atMs === undefined
          ? { left: -10, top: -10 }
          : { left: uPlot.valToPos(atMs / 1000, 'x'), top: 0 }
      )
    }
  }

  #tellTime() {
    const at = this.#plots[0].uPlot.cursor.idx
    const sample = at === undefined || at === null ? undefined : this.#samples[at]
    setText(byId('time'), sample === undefined ? 'Last 5 minutes' : `At ${clock(sample.atMs)}`)
  }
}
