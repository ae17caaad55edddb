// What a whole run found, as it stands in results/latest.json: every round, the medians, and how
// each goal came out. Knows no processes.
import { type FigureName, type Figures, median, overRounds } from './figures.ts'
import type { Goal, Question } from './question.ts'

export interface Report {
  date: string
  command: string
  isQuick: boolean
  machine: Record<'processor' | 'cores' | 'kernel' | 'node' | 'bun' | 'compiler', string>
  questions: QuestionReport[]
  /**
   * Later runs of some benchmarks alone: their figures stand in place of those of the whole run.
   */
  parts?: Report[]
}

export interface QuestionReport {
  name: string
  title: string
  figure: FigureName
  columns: FigureName[]
  inChart: boolean
  notInPages?: boolean
  rows: Row[]
  goals: GoalReport[]
}

/** One competitor in one variant. */
export interface Row {
  variant: string
  competitor: string
  /** Over the rounds; of what must never happen, the worst round's. */
  median: Figures
  /**
   * In their order, the same for all rows; of a round that came to nothing there are no figures.
   */
  rounds: Figures[]
  /** Sentences about the rounds that came to nothing. */
  failures: string[]
  /** Why it does not compete here; there are no figures then, and it is no failure. */
  absent?: string
}

export interface GoalReport extends Goal {
  variant: string
  /** Undefined when a competitor has no figure. */
  measured: number | undefined
  holds: boolean
}

/** The rival cannot run on this system or under this Node, and says why. */
export class Absence extends Error {}

export interface Run {
  variant: string
  competitor: string
  /** The figures, or why there are none. */
  outcome: Figures | Error
}

export function reportOf(question: Question, runs: Run[]): QuestionReport {
  const { name, title, figure, columns, inChart = false, notInPages, competitors } = question
  const variants = question.variants.map((variant) => variant.name)
  const rows = variants.flatMap((variant) =>
    competitors.map((competitor) => rowOf(variant, competitor, runs))
  )
  const goals = judged(question, rows)
  return { name, title, figure, columns, inChart, notInPages, rows, goals }
}

function judged({ goals, variants }: Question, rows: Row[]): GoalReport[] {
  return goals.flatMap((goal) =>
    variants
      .filter(({ name }) => goal.variants === undefined || goal.variants.includes(name))
      .map(({ name }) => judge(goal, name, rows))
  )
}

/** What was measured, by the goals that there are now. */
export function judgedAnew(report: Report, questions: readonly Question[]): Report {
  const again = (ofQuestion: QuestionReport): QuestionReport => {
    const question = questions.find(({ name }) => name === ofQuestion.name)
    if (question === undefined) return ofQuestion
    return { ...ofQuestion, goals: judged(question, ofQuestion.rows) }
  }
  const parts = report.parts?.map((part) => ({ ...part, questions: part.questions.map(again) }))
  return { ...report, questions: report.questions.map(again), ...(parts && { parts }) }
}

function rowOf(variant: string, competitor: string, runs: Run[]): Row {
  const outcomes = runs
    .filter((run) => run.variant === variant && run.competitor === competitor)
    .map(({ outcome }) => outcome)
  const rounds = outcomes.map((outcome) => (outcome instanceof Error ? {} : rounded(outcome)))
  const absence = outcomes.find((outcome) => outcome instanceof Absence)
  if (absence !== undefined)
    return { variant, competitor, median: {}, rounds, failures: [], absent: absence.message }
  const failures = outcomes.flatMap((outcome) =>
    outcome instanceof Error ? [outcome.message] : []
  )
  return { variant, competitor, median: medians(rounds), rounds, failures }
}

function judge(goal: Goal, variant: string, rows: Row[]): GoalReport {
  const { figure, of = 'Poller', to = of, toVariant = variant, as, atMost, atLeast } = goal
  const own = find(rows, variant, of)
  const other = find(rows, toVariant, to)
  const measured =
    own === other
      ? own?.median[figure]
      : compared(own, other, figure, as === 'difference' ? difference : ratio)
  const holds =
    measured !== undefined && measured <= (atMost ?? measured) && measured >= (atLeast ?? measured)
  return { ...goal, variant, measured, holds }
}

/** All benchmarks of a whole run and of its parts, each as it was measured last. */
export function questionsOf(report: Report): QuestionReport[] {
  return [report, ...(report.parts ?? [])].flatMap(({ questions }) => questions)
}

/** `part` takes the place of what was measured of its benchmarks before. */
export function withPart(whole: Report, part: Report): Report {
  const isElsewhere = ({ name }: QuestionReport) =>
    !part.questions.some((question) => question.name === name)
  const remainderOf = (report: Report): Report => ({
    ...report,
    questions: report.questions.filter(isElsewhere)
  })
  const parts = [...(whole.parts ?? []).map(remainderOf), part].filter(
    ({ questions }) => questions.length > 0
  )
  return { ...remainderOf(whole), parts }
}

export function find(rows: Row[], variant: string, competitor: string): Row | undefined {
  return rows.find((row) => row.variant === variant && row.competitor === competitor)
}

/**
 * How one figure compares with another: the median of what the rounds say, each by itself. A
 * machine that is slow for a while is so for all of a round, and not for all of a row.
 */
export function compared(
  own: Row | undefined,
  other: Row | undefined,
  figure: FigureName,
  by = ratio
): number | undefined {
  if (own === undefined || other === undefined) return undefined
  const pairs = own.rounds.map((round, index) => [round[figure], other.rounds[index]?.[figure]])
  const results = pairs.flatMap(([a, b]) => (a === undefined || b === undefined ? [] : [by(a, b)]))
  return results.length === 0 ? undefined : median(results)
}

function ratio(a: number, b: number): number {
  return a / b
}

function difference(a: number, b: number): number {
  return a - b
}

function medians(rounds: Figures[]): Figures {
  const names = [...new Set(rounds.flatMap((figures) => Object.keys(figures)))] as FigureName[]
  const valuesOf = (name: FigureName) => rounds.flatMap((figures) => figures[name] ?? [])
  return Object.fromEntries(names.map((name) => [name, overRounds(name, valuesOf(name))]))
}

/** Digits beyond the fifth are noise, and make the file long. */
function rounded(figures: Figures): Figures {
  return Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [name, Number(value.toPrecision(5))])
  )
}
