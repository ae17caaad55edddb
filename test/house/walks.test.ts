// The walks of docs/architecture.md go through files and functions that there are.
import { expect, test } from 'vitest'
import { projectFiles, textOf } from './files.ts'

test("every file and function of the walks exists, on both systems' sides", () => {
  const [, section = ''] =
    textOf('docs/architecture.md').match(/^## One byte's walk\n([\s\S]*?)^## /m) ?? []
  const findings: string[] = []
  let steps = 0
  for (const [row] of section.matchAll(/^\| \d+ \|.*$/gm)) {
    const [, number, linux, windows] = row.split('|').map((cell) => cell.trim())
    steps++
    for (const cell of windows === 'the same' ? [linux] : [linux, windows]) {
      const [file, ...functions] = [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name)
      if (file === undefined || !projectFiles.includes(file)) {
        findings.push(`row ${number}: ${cell} names no file of the project`)
        continue
      }
      if (functions.length === 0) findings.push(`row ${number}: ${file} without a function`)
      const text = textOf(file).replace(/^\s*(\/\/|\/?\*).*$/gm, '')
      for (const name of functions)
        if (!new RegExp(`(?<![.\\w#>])(\\w+::)?${name}(<\\w+>)?\\(`).test(text))
          findings.push(`row ${number}: ${file} has no ${name}()`)
    }
  }
  expect(findings).toEqual([])
  expect(steps).toBeGreaterThan(25)
})
