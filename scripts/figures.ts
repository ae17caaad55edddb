// The figures of docs/reliability.md: each run that is published leaves one file in
// docs/reliability/, and the page's tables are made of those files. To write them anew:
//
//   npx tsx scripts/figures.ts
//
// A file is one column of one table:
// `{ table, column, command, day, ranOn, rows: [[what, figure], …] }`.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { arch, release } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { markdownTable } from 'markdown-table'

const docs = fileURLToPath(new URL('../docs', import.meta.url))
const folder = join(docs, 'reliability')
const page = join(docs, 'reliability.md')
const markers = ['<!-- figures: written by the commands below -->\n', '<!-- figures: end -->\n']

/** What was counted, and how much of it. */
export type Row = readonly [what: string, figure: number | string]

export interface Run {
  /** The table, one of {@link tables}, and its column. */
  readonly table: string
  readonly column: string
  /** How to run it again. */
  readonly command: string
  /**
   * System, architecture and Node, if the run was another process's than the one that publishes it.
   */
  readonly ranOn?: string
  /** In the order of the table; runs of one table with the same words stand side by side. */
  readonly rows: readonly Row[]
}

export interface PublishedRun extends Run {
  readonly day: string
  readonly ranOn: string
}

/**
 * The tables in the order of the page. A run of any other name is refused, so that none is
 * forgotten here.
 */
const tables = ['Conformance', 'Random model', 'Faults', 'Sanitizers', 'Fuzzing', 'Soak']

/** A number with commas between its thousands; anything else as it is. */
const shown = (figure: number | string): string =>
  typeof figure === 'number' ? figure.toLocaleString('en-US') : String(figure)

function tableOf(name: string, runs: readonly PublishedRun[]): string {
  const columns = runs.filter((run) => run.table === name)
  if (columns.length === 0) return ''
  const labels = [...new Set(columns.flatMap((run) => run.rows.map(([what]) => what)))]
  const cell = (run: PublishedRun, label: string) =>
    shown(run.rows.find(([what]) => what === label)?.[1] ?? '')
  const head = ['', ...columns.map((run) => run.column)]
  const body = labels.map((label) => [label, ...columns.map((run) => cell(run, label))])
  const sources = columns.map(
    (run) => `- ${run.column}: \`${run.command}\`, ${run.day}, ${run.ranOn}`
  )
  return [
    `### ${name}`,
    markdownTable([head, ...body], { align: ['l', ...columns.map(() => 'r')] }),
    sources.join('\n')
  ].join('\n\n')
}

/** The page with its tables made of `runs`. */
export function pageWith(text: string, runs: readonly PublishedRun[]): string {
  const [before, rest] = text.split(markers[0])
  const [, after] = (rest ?? '').split(markers[1])
  if (after === undefined) throw new Error('docs/reliability.md has lost its markers')
  const sections = tables.map((name) => tableOf(name, runs)).filter((section) => section !== '')
  return `${before}${markers[0]}\n${sections.map((section) => `${section}\n\n`).join('')}${markers[1]}${after}`
}

/** What has been published, in the order of the files' names. */
export function publishedRuns(): PublishedRun[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'))
  return names.sort().map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
}

function writePage(): void {
  writeFileSync(page, pageWith(readFileSync(page, 'utf8'), publishedRuns()))
}

function thisMachine(): string {
  const system = process.platform === 'win32' ? 'Windows' : `Linux ${release().split('-')[0]}`
  const wine = process.env.POLLPORT_WINE === '1' ? ' (Wine)' : ''
  return `${system}${wine} ${arch()}, Node ${process.versions.node}`
}

/** Publishes a run: writes `docs/reliability/<name>.json` and the page. */
export function publish(
  name: string,
  { table, column, command, ranOn = thisMachine(), rows }: Run
): void {
  if (!tables.includes(table))
    throw new Error(`docs/reliability.md has no table "${table}": see scripts/figures.ts`)
  const day = new Date().toISOString().slice(0, 10)
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, `${name}.json`),
    `${JSON.stringify({ table, column, command, day, ranOn, rows }, null, 2)}\n`
  )
  writePage()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writePage()
