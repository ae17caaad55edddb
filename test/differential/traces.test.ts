// Every system tells the same: each scenario's trace is the one that was recorded on the other
// system. After a deliberate change of the rules, record anew on both: POLLPORT_RECORD=1 with
// `npm test` and with `npm run test:windows`.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { backends } from 'pollport'
import { describe, expect, test } from 'vitest'
import { Stage, scenarios } from './scenarios.ts'

type Traces = Record<string, Record<string, string[]>>

const fileOf = (backend: string) => new URL(`./recorded-${backend}.json`, import.meta.url)
const own = backends[0]
const other = own === 'epoll' ? 'iocp' : 'epoll'
const isRecording = process.env.POLLPORT_RECORD === '1'
const recorded: Record<string, Traces> = Object.fromEntries(
  [own, other].map((backend) => [backend, existsSync(fileOf(backend)) ? read(fileOf(backend)) : {}])
)
const played: Traces = {}

function read(file: URL): Traces {
  return JSON.parse(readFileSync(file, 'utf8')) as Traces
}

describe(`on ${own}`, () => {
  test.each(Object.keys(scenarios))('%s', { timeout: 30_000 }, async (name) => {
    const stage = new Stage()
    try {
      await scenarios[name](stage)
    } finally {
      played[name] = stage.finish()
    }
    if (isRecording) return
    expect(played[name], `recorded on ${other}`).toEqual(recorded[other][name])
    expect(played[name], `recorded on ${own}`).toEqual(recorded[own][name])
  })

  test.runIf(isRecording)('the traces are written', () => {
    writeFileSync(fileOf(own), `${JSON.stringify(played, null, 2)}\n`)
  })

  test('every scenario was recorded on both systems', () => {
    if (isRecording) return
    for (const backend of [own, other])
      expect(Object.keys(recorded[backend]).sort()).toEqual(Object.keys(scenarios).sort())
  })
})
