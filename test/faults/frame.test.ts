// The frame of the lab itself: what tests count in processes of their own is one table in the end.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { tallied } from './tally.ts'

test('faults of one kind are summed, whoever counted them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pollport-tally-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'tally'), '["signals",3]\n["peers killed",1]\n["signals",4]\n')
  expect(tallied(join(folder, 'tally'))).toEqual([
    ['peers killed', 1],
    ['signals', 7]
  ])
})
