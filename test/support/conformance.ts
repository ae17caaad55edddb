// The cases of docs/conformance.md as data, and the labels in a test's title. Knows the form of the
// page, not what the cases say.

export type System = 'Linux' | 'Windows'

export interface Case {
  readonly label: string
  readonly systems: readonly System[]
}

export interface Group {
  /** As in the heading: 'E: epoll'. */
  readonly name: string
  readonly cases: readonly Case[]
}

/** Why tests of a case are skipped on a system. */
export interface Skip {
  readonly label: string
  readonly system: string
  readonly reason: string
}

const cellsOf = (line: string) =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())

/**
 * The groups in the order of the page. The columns of a group's table say on which systems its
 * cases hold.
 */
export function groupsOf(page: string): Group[] {
  const sections = page.split(/^## /m).filter((section) => /^[A-Z]: /.test(section))
  return sections.map((section) => {
    const [heading, ...lines] = section.split('\n')
    const rows = lines.filter((line) => line.startsWith('|')).map(cellsOf)
    const systems = rows[0].filter((cell): cell is System => cell === 'Linux' || cell === 'Windows')
    const cases = rows.slice(2).map(([label]) => ({ label, systems }))
    return { name: heading.trim(), cases }
  })
}

export function skipsOf(page: string): Skip[] {
  const [, section] = page.split('## What is skipped')
  const rows = section.split('\n').filter((line) => line.startsWith('|'))
  return rows
    .map(cellsOf)
    .slice(2)
    .map(([label, system, reason]) => ({ label, system, reason }))
}

/** The labels at the beginning of a title: 'S.25 L.4 an exception …' has two. */
export function labelsOf(title: string): string[] {
  return /^(?:[A-Z]\.\d+ )+/.exec(title)?.[0].trim().split(' ') ?? []
}
