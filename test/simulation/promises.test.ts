// The promises run twice, on the system and on a simulated network: which do not, and that none
// meets real time in the simulation.
import { expect, test } from 'vitest'
import { filesUnder, textOf } from '../house/files.ts'
import { leftOut } from './left-out.ts'

const folder = 'test/promises/'
const files = filesUnder('test/promises', '.test.ts').map((path) => path.slice(folder.length))
const simulated = files.filter((name) => typeof leftOut[name] !== 'string')

test('what is left out is there, whole files and single tests, each with a reason', () => {
  expect(files).toEqual(expect.arrayContaining(Object.keys(leftOut)))
  expect(simulated.length).toBeGreaterThan(30)
  for (const [file, reasons] of Object.entries(leftOut)) {
    if (typeof reasons === 'string') continue
    const text = textOf(folder + file)
    for (const [beginning, reason] of Object.entries(reasons)) {
      expect(reason).not.toBe('')
      // The beginning may stand in the file, or be made of what stands in it.
      const words = beginning.split(' ').filter((word) => /^[a-z]{4,}$/.test(word))
      expect({ beginning, isThere: words.every((word) => text.includes(word)) }).toEqual({
        beginning,
        isThere: true
      })
    }
  }
})

test('a test that runs on the simulation asks no other clock than that of the system under test', () => {
  const asksNode =
    /\bperformance\.now\b|\bDate\.now\b|\bnew Date\b|\bset(Timeout|Interval)\(|import \{ setTimeout|new Poller\b/
  const findings = simulated.filter((name) => {
    // What is left out by its title may measure Node's own time.
    const text = textOf(folder + name).replace(/^.*(timers\+\+|ticks\+\+).*$/gm, '')
    return asksNode.test(text.replace(/\/\/.*|'[^'\n]*'/g, ''))
  })
  expect(findings).toEqual([])
})
