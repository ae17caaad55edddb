// What a whole run found, as it stands in results/latest.json: every round, the medians, and how each goal came out. Knows no processes.
import { type FigureName, type Figures, overRounds } from './figures.ts'
import type { Goal, Question } from './question.ts'

export interface Report {
  date: string
  command: string
  isQuick: boolean
  machine: Record<'processor' | 'cores' | 'kernel' | 'node' | 'bun' | 'compiler', string>
  questions: QuestionReport[]
}

export interface QuestionReport {
  name: string
  title: string
  figure: FigureName
  columns: FigureName[]
  inChart: boolean
  rows: Row[]
  goals: GoalReport[]
}

/** One competitor in one variant. */
export interface Row {
  variant: string
  competitor: string
  /** Over the rounds; of what must never happen, the worst round's. */
  median: Figures
  rounds: Figures[]
  /** Sentences about the rounds that came to nothing. */
  failures: string[]
}

export interface GoalReport extends Goal {
  variant: string
  /** Undefined when a competitor has no figure. */
  measured: number | undefined
  holds: boolean
}

export interface Run {
  variant: string
  competitor: string
  /** The figures, or why there are none. */
  outcome: Figures | Error
}

export function reportOf(question: Question, runs: Run[]): QuestionReport {
  const { name, title, figure, columns, inChart = false } = question
  const keys = [...new Set(runs.map(({ variant, competitor }) => JSON.stringify([variant, competitor])))]
  const rows = keys.map((key): Row => {
    const [variant, competitor] = JSON.parse(key)
    const ofRow = runs.filter((run) => run.variant === variant && run.competitor === competitor)
    const rounds = ofRow.flatMap(({ outcome }) => (outcome instanceof Error ? [] : [rounded(outcome)]))
    const failures = ofRow.flatMap(({ outcome }) => (outcome instanceof Error ? [outcome.message] : []))
    return { variant, competitor, median: medians(rounds), rounds, failures }
  })
  const order = (row: Row) => question.competitors.indexOf(row.competitor)
  const placed = question.variants.flatMap((variant) =>
    rows.filter((row) => row.variant === variant.name).sort((a, b) => order(a) - order(b))
  )
  const variants = [...new Set(placed.map((row) => row.variant))]
  const goals = question.goals.flatMap((goal) =>
    variants
      .filter((variant) => goal.variants === undefined || goal.variants.includes(variant))
      .map((variant) => judge(goal, variant, placed))
  )
  return { name, title, figure, columns, inChart, rows: placed, goals }
}

function judge(goal: Goal, variant: string, rows: Row[]): GoalReport {
  const { figure, of = 'Poller', to = of, toVariant = variant, as, atMost, atLeast } = goal
  const own = figureOf(rows, variant, of, figure)
  const other = figureOf(rows, toVariant, to, figure)
  let measured = own
  if (to !== of || toVariant !== variant) {
    if (own === undefined || other === undefined) measured = undefined
    else measured = as === 'difference' ? own - other : own / other
  }
  const holds = measured !== undefined && measured <= (atMost ?? measured) && measured >= (atLeast ?? measured)
  return { ...goal, variant, measured, holds }
}

export function figureOf(rows: Row[], variant: string, competitor: string, figure: FigureName): number | undefined {
  return rows.find((row) => row.variant === variant && row.competitor === competitor)?.median[figure]
}

function medians(rounds: Figures[]): Figures {
  const names = [...new Set(rounds.flatMap((figures) => Object.keys(figures)))] as FigureName[]
  const valuesOf = (name: FigureName) => rounds.flatMap((figures) => figures[name] ?? [])
  return Object.fromEntries(names.map((name) => [name, overRounds(name, valuesOf(name))]))
}

/** Digits beyond the fifth are noise, and make the file long. */
function rounded(figures: Figures): Figures {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Number(value.toPrecision(5))]))
}
