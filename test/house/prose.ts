// What a machine can hold of "How we write" in docs/house.md: which lines are prose, how wide they
// are, and which words are out. Knows no test.

export interface Line {
  readonly number: number
  readonly text: string
}

/** A word that is out: why, or what to write instead. */
interface Rule {
  readonly pattern: RegExp
  readonly instead: string
}

const WIDTH = 100

export const wordsOut: readonly Rule[] = [
  {
    pattern: /\b(?:he|him|his|himself|she|her|hers|herself)\b/i,
    instead: 'a socket is "it"; the reader is "you"; others are "they"'
  },
  { pattern: /\bwho(?:m|mever|ever|soever)\b/i, instead: '"you", "it", or a plain "which"' },
  { pattern: /\btold\b(?! apart)/i, instead: 'say who reports what: "reported", "gets an event"' },
  { pattern: /\btells? of\b/i, instead: '"reports"' },
  { pattern: /\bhears? of\b/i, instead: '"gets", "is reported"' },
  { pattern: /\blet(?:s|ting)? (?:\w+ ){0,2}go\b/i, instead: '"closes", "frees" or "releases"' },
  { pattern: /\bfinds? nobody\b/i, instead: 'say what the kernel does: it answers with RST, …' },
  {
    pattern: /\b(?:is|are|was|were|be|been|stands?|gets?) in (?:the|its|their|your|our) way\b/i,
    instead: '"blocks", "delays"'
  },
  { pattern: /\bknows? nothing of\b/i, instead: '"does not use", "does not depend on"' },
  { pattern: /\b(?:hung|hangs? (?:it|the|a|another))\b/i, instead: '"pending"; "post the next"' },
  { pattern: /\breceives? hanging\b/i, instead: '"has a receive pending"' },
  { pattern: /\bwithout (?:a way|ceremony)\b/i, instead: '"unreachable"; "by RST"' },
  { pattern: /\bbehind \S+ \S*\s?back\b/i, instead: 'say what must not be done' },
  { pattern: /\bmend(?:s|ed|ing)?\b/i, instead: '"fix"' }
]

/** The prose of a Markdown page: paragraphs and lists, and the comments of its programs. */
export function proseOfPage(text: string): Line[] {
  let isGenerated = false
  let isProgram = false
  return lines(text).flatMap(({ number, text: line }) => {
    if (/^<!-- \w+: written by/.test(line)) isGenerated = true
    if (/^<!-- \w+: end/.test(line)) isGenerated = false
    if (/^\s*```/.test(line)) {
      isProgram = !isProgram
      return []
    }
    if (isGenerated) return []
    if (isProgram) return proseOfCode(line).map((found) => ({ ...found, number }))
    return [{ number, text: line.replace(/`[^`]*`/g, '``') }]
  })
}

/** Comments, and the strings that are sentences: errors speak by them. */
export function proseOfCode(text: string): Line[] {
  return lines(text).flatMap(({ number, text: line }) => {
    if (isComment(line)) return [{ number, text: line }]
    const comment = trailingComment(line)
    const strings = (
      line.match(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`/g) ?? []
    ).filter((literal) => literal.includes(' '))
    return [...strings, ...(comment === undefined ? [] : [comment])].map((found) => ({
      number,
      text: found
    }))
  })
}

/** Lines of Markdown that could be shorter; a table, a heading or a program's line cannot. */
export function wideLinesOfPage(text: string): Line[] {
  let isGenerated = false
  let isProgram = false
  return lines(text).filter(({ text: line }) => {
    if (/^<!-- \w+: written by/.test(line)) isGenerated = true
    if (/^<!-- \w+: end/.test(line)) isGenerated = false
    if (/^\s*```/.test(line)) isProgram = !isProgram
    if (isGenerated || isProgram || /^\s*\||^#|^</.test(line)) return false
    return isWide(line) && withoutAddresses(line).length > 0 && isWide(withoutAddresses(line))
  })
}

/** Comments that are too wide. Code's own width is held by the formatters. */
export function wideComments(text: string): Line[] {
  return lines(text).filter(({ text: line }) => {
    if (/biome-ignore/.test(line)) return false // a directive is one line
    if (!isWide(line) || !isWide(withoutAddresses(line))) return false
    return isComment(line) || trailingComment(line) !== undefined
  })
}

export function findingsOfWords(prose: readonly Line[]): string[] {
  return prose.flatMap(({ number, text }) =>
    wordsOut.flatMap(({ pattern, instead }) => {
      const found = pattern.exec(text)
      return found === null ? [] : [`${number}: "${found[0]}" is out: ${instead}`]
    })
  )
}

function lines(text: string): Line[] {
  return text.split('\n').map((line, index) => ({ number: index + 1, text: line }))
}

function isWide(line: string): boolean {
  return [...line].length > WIDTH
}

/** A link's target and a bare address cannot be broken. */
function withoutAddresses(line: string): string {
  return line.replace(/\]\([^)]*\)/g, ']').replace(/\bhttps?:\/\/\S+/g, '')
}

function isComment(line: string): boolean {
  return /^\s*(?:\/\/|\/\*|\*(?:\s|\/|$))/.test(line)
}

function trailingComment(line: string): string | undefined {
  const withoutStrings = line.replace(
    /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`/g,
    "''"
  )
  return /(?:^|\s)\/\/ .*$/.exec(withoutStrings)?.[0]
}
