// What fuzzing has found so far holds on every system: each kept input is given to its target once
// more. Fuzzing itself is scripts/fuzz.mjs.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const folder = fileURLToPath(new URL('.', import.meta.url))
const targets = readdirSync(`${folder}targets`).map((name) => name.replace(/\.ts$/, ''))

test.each(targets)('every input that was kept for %s holds', { timeout: 120_000 }, async (name) => {
  const { fuzz } = (await import(`./targets/${name}.ts`)) as { fuzz: (data: Uint8Array) => void }
  const inputs = readdirSync(`${folder}corpus/${name}`)
  expect(inputs.length).toBeGreaterThan(10)
  for (const input of inputs) {
    try {
      fuzz(readFileSync(`${folder}corpus/${name}/${input}`))
    } catch (error) {
      throw new Error(`${name}, input ${input}: ${(error as Error).message}`, { cause: error })
    }
  }
})

test('every native target has kept inputs too', () => {
  const natives = readdirSync(`${folder}native`).filter((name) => name.endsWith('.cc'))
  for (const name of natives)
    expect(existsSync(`${folder}corpus/${name.replace(/\.cc$/, '')}`), name).toBe(true)
})
