// Writes a report as text: the tables of the terminal, some rows for README.md, and the whole table
// for docs/performance.md. A test holds both pages to results/latest.json.
import { markdownTable } from 'markdown-table'
import { type FigureName, figures, withUnit, written } from './figures.ts'
import {
  compared,
  find,
  type GoalReport,
  type QuestionReport,
  questionsOf,
  type Report,
  type Row
} from './report.ts'

const NONE = '–'
/** What Node has itself, and for WebSockets the library that its servers use. */
const nodesOwn = ['net', 'dgram', 'net + setInterval', 'ws', 'http over net']

/** Everything about one benchmark: its competitors, and below them its goals. */
export function tableOf(question: QuestionReport): string {
  const { figure, columns, rows } = question
  const yardsticks = [
    { name: 'of C', rivals: ['C'] },
    { name: 'of Node', rivals: nodesOwn }
  ].filter(({ rivals }) => rows.some((row) => rivals.includes(row.competitor)))
  const head = [
    '',
    heading(figure),
    ...yardsticks.map(({ name }) => name),
    'spread',
    ...columns.map(heading)
  ]
  const variants = [...new Set(rows.map((row) => row.variant))]
  const parts = variants.map((variant) => {
    const ofVariant = rows.filter((row) => row.variant === variant)
    const lines = ofVariant.map((row) => {
      const { median, rounds, competitor, failures, absent } = row
      if (absent !== undefined) return [competitor, `cannot run here: ${absent}`]
      if (failures.length === rounds.length) return [competitor, `failed: ${failures[0]}`]
      return [
        competitor,
        value(median[figure]),
        ...yardsticks.map(({ rivals }) => ratio(row, rivals, question)),
        spread(rounds.flatMap((round) => round[figure] ?? [])),
        ...columns.map((column) => value(median[column]))
      ]
    })
    const alignment = ['l', ...head.slice(1).map(() => 'r')]
    const troubles = ofVariant
      .filter((row) => row.failures.length > 0 && row.failures.length < row.rounds.length)
      .map((row) => `${row.competitor}: ${row.failures.length} rounds failed: ${row.failures[0]}\n`)
    return `${question.name}, ${variant}\n${markdownTable([head, ...lines], { align: alignment })}\n${troubles.join('')}`
  })
  const goals = question.goals.map(
    (goal) =>
      `${goal.variant}: ${goal.of ?? 'Poller'} ${termOf(goal, question.figure)}: ${verdictOf(goal)}\n`
  )
  return `## ${question.name}: ${question.title}\n\n${parts.join('\n')}\n${goals.join('')}`
}

/** It is not in the package, in which README.md is. */
const PAGE = 'https://github.com/pollport/pollport/blob/main/docs/performance.md'

/** What the author of a game server asks first; docs/performance.md has the rest. */
const readmeRows = [
  'tcp-echo, 1,000 connections',
  'tcp-broadcast, 1,000 members',
  'udp-echo, 64 bytes',
  'ws-echo, 64 bytes on 1,000 connections',
  'http-hello, 50 connections',
  'http-hello, 50 connections, Express over serve()',
  'http-hello, 50 connections, Fastify over serve()',
  'http-hello, 50 connections, each for one request',
  'idle-memory, 15,000 connections',
  'tick, 60 Hz'
]

/** The section of README.md between its markers: the chart and some rows. */
export function readmeSection(report: Report): string {
  const lines = summaries(report)
  const chosen = readmeRows.map((name) => lines.find(([benchmark]) => benchmark === name))
  if (chosen.includes(undefined)) throw new Error(`a row of README.md is missing in the report`)
  const goals = shownQuestions(report).flatMap((question) => question.goals)
  const held = goals.filter((goal) => goal.holds).length
  return [
    '![CPU a message, as a multiple of C](https://github.com/pollport/pollport/raw/main/bench/results/chart.svg)',
    '',
    summaryTable(chosen as string[][]),
    '',
    `${held} of ${goals.length} goals hold: [all rows](${PAGE}#the-goals).`,
    '',
    origins(report),
    ''
  ].join('\n')
}

/** The section of docs/performance.md between its markers: every row. */
export function goalsSection(report: Report): string {
  return [summaryTable(summaries(report)), '', origins(report), ''].join('\n')
}

function summaryTable(lines: string[][]): string {
  const head = ['benchmark', 'pollport', '× C', '× Node', '× Bun', 'goal']
  return markdownTable([head, ...lines], {
    align: ['l', 'r', 'r', 'r', 'r', 'l'],
    alignDelimiters: false
  })
}

function shownQuestions(report: Report): QuestionReport[] {
  return questionsOf(report).filter((question) => !question.notInPages)
}

function summaries(report: Report): string[][] {
  return shownQuestions(report).flatMap((question) => {
    const variants = [...new Set(question.rows.map((row) => row.variant))]
    return variants.flatMap((variant) => {
      const own = new Set(goalsOf(question, variant).map(ownOf))
      return [...own]
        .map((one, at) => summary(question, variant, one, at > 0))
        .filter((line) => line !== undefined)
    })
  })
}

function origins(report: Report): string {
  return [
    `Measured on ${originOf(report)}.`,
    ...(report.parts ?? []).map(
      (part) => `Later, ${part.questions.map(({ name }) => name).join(', ')}: on ${originOf(part)}.`
    )
  ].join('\n\n')
}

/** When, by which command and on what. */
function originOf({ date, command, machine }: Report): string {
  const { processor, cores, kernel, node, bun, compiler } = machine
  return `${date} by \`${command}\`: ${processor}, ${cores} cores, Linux ${kernel}, Node ${node}, Bun ${bun}, ${compiler}`
}

function goalsOf(question: QuestionReport, variant: string): GoalReport[] {
  return question.goals.filter((goal) => goal.variant === variant)
}

/** Which row of pollport's has promised it. */
function ownOf({ of = 'Poller' }: GoalReport): string {
  return of
}

/** The same framework on Node's own listen(). */
function peersOf(own: string): string[] {
  return own.endsWith(' over serve()') ? [own.replace('serve()', 'net')] : []
}

/** What one row of pollport's has promised, as one line of the pages' tables. */
function summary(
  question: QuestionReport,
  variant: string,
  own: string,
  isNamed: boolean
): string[] | undefined {
  const goals = goalsOf(question, variant).filter((goal) => ownOf(goal) === own)
  const row = find(question.rows, variant, own)
  if (row === undefined) return undefined
  const figure = goals[0].figure
  return [
    `${question.name}, ${variant}${isNamed ? `, ${own}` : ''}`,
    row.median[figure] === undefined ? NONE : withUnit(figure, row.median[figure]),
    ratio(row, ['C'], question, figure),
    ratio(row, [...peersOf(own), ...nodesOwn], question, figure),
    ratio(row, ['Bun'], question, figure),
    goals
      .map((goal) => {
        const verdict = goal.holds ? verdictOf(goal) : `**${verdictOf(goal)}**`
        return `${termOf(goal, figure)}: ${verdict}`
      })
      .join('<br>')
  ]
}

/** What was promised; `shown` is the figure that a row has for itself, and needs no name. */
export function termOf(goal: GoalReport, shown: FigureName = goal.figure): string {
  const { figure, to, toVariant, as, atMost, atLeast } = goal
  const sign = atMost !== undefined ? '≤' : '≥'
  const limit = (atMost ?? atLeast)!
  const withItsUnit = `${limit} ${figures[figure].unit}`.trimEnd()
  if (as === 'difference') return `${figures[figure].title} ${sign} ${to}'s + ${withItsUnit}`
  if (to !== undefined)
    return `${figure === shown ? '' : `${figures[figure].title} `}${sign} ${limit} × ${to}`
  if (toVariant !== undefined) return `${sign} ${limit} × that of ${toVariant}`
  return `${figures[figure].title} ${sign} ${withItsUnit}`
}

/** What became of it. */
export function verdictOf(goal: GoalReport): string {
  const { figure, to, toVariant, as, measured, holds, atMost, atLeast } = goal
  if (measured === undefined) return 'not measured'
  const isRatio = as !== 'difference' && (to !== undefined || toVariant !== undefined)
  const found = isRatio ? measured.toFixed(2) : withUnit(figure, measured)
  if (holds) return `${found}, holds`
  const limit = (atMost ?? atLeast)!
  return limit === 0
    ? `${found}, missed`
    : `${found}, missed by ${percents(Math.abs(measured / limit - 1))}`
}

function percents(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`
}

function heading(name: FigureName): string {
  const { title, unit } = figures[name]
  return unit === '' || unit === '/s' ? title : `${title}, ${unit}`
}

function value(number: number | undefined): string {
  return number === undefined ? NONE : written(number)
}

/** How many times the figure of the rival, whichever of them competes here. */
function ratio(
  row: Row,
  rivals: readonly string[],
  question: QuestionReport,
  figure = question.figure
): string {
  const rival = rivals
    .map((name) => find(question.rows, row.variant, name))
    .find((found) => found !== undefined)
  const times = compared(row, rival, figure)
  return times === undefined || !Number.isFinite(times) ? NONE : times.toFixed(2)
}

function spread(values: number[]): string {
  return values.length === 0
    ? NONE
    : `${written(Math.min(...values))}–${written(Math.max(...values))}`
}
