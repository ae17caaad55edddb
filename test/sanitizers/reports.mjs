// Reads what sanitizers have reported, LeakSanitizer without symbols for the time they take, and
// tells what of it is ours. Node loses memory of its own when it ends, and stands in every stack,
// so that neither believing nor suppressing it would do: a leak is ours if what was built for the
// run asked for the memory.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const finding =
  /^(?:.*runtime error: .*|(?:==\d+==)?(?:ERROR|WARNING): (?:Address|Thread|Leak|UndefinedBehavior)Sanitizer.*|(?:Direct|Indirect) leak of .*)$/

/**
 * Findings of one file of reports: each begins with its sentence and has the stack that follows.
 */
function findingsOf(text) {
  const findings = []
  for (const line of text.split('\n')) {
    if (finding.test(line)) findings.push({ what: line.replace(/^==\d+==/, ''), frames: [] })
    else findings.at(-1)?.frames.push(line)
  }
  // The head of a list of leaks is none.
  return findings.filter(({ what }) => !/LeakSanitizer: detected memory leaks/.test(what))
}

/**
 * Of which file the code was that asked for the memory: the first that is neither the sanitizer nor
 * the C++ library.
 */
function asker(frames) {
  const files = frames
    .map((frame) => /^\s+#\d+ .*\((.*)\+0x[0-9a-f]+\)/.exec(frame)?.[1])
    .filter((file) => file !== undefined)
  return files.find((file) => !/\/lib(asan|stdc\+\+)\.so/.test(file)) ?? ''
}

/**
 * Every finding in the folder: those of what lies in the folder `builds`, and how many `others`
 * there are, leaks of Node's.
 */
export function readReports(folder, builds) {
  const all = readdirSync(folder).flatMap((name) =>
    findingsOf(readFileSync(join(folder, name), 'utf8'))
  )
  // Whatever is no leak is believed, wherever it happened.
  const ours = all.filter(
    ({ what, frames }) => !/^(Direct|Indirect) leak/.test(what) || asker(frames).startsWith(builds)
  )
  return { ours, others: all.length - ours.length }
}

/** With the names and lines of our own frames. */
export function described({ what, frames }, builds) {
  const lines = frames
    .filter((frame) => /^\s*(#\d|[A-Z=])/.test(frame))
    .map((frame) => {
      const at = /\((\/.*)\+(0x[0-9a-f]+)\)/.exec(frame)
      if (at === null || !at[1].startsWith(builds)) return frame
      const named = spawnSync('addr2line', ['-Cfpise', at[1], at[2]], { encoding: 'utf8' })
        .stdout.trim()
        .split('\n')[0]
      return `    ${/#\d+/.exec(frame)?.[0] ?? ''} ${named}`
    })
  return [what, ...lines.slice(0, 60)].join('\n')
}
