// Keeps matches in the store of a folder for as long as it lives, a few at once, and prints what
// became of each: `kept 7`, or `lost 7` and the reason. For store.test.ts, which kills it.
import { writeSync } from 'node:fs'
import { openStore } from '../server/store.ts'

const [folder, first] = process.argv.slice(2)
const store = await openStore(folder)

async function keep(number: number): Promise<void> {
  const [ann, bob] = ['Ann', `Bob ${number % 10}`]
  const scores = [ann, bob].map((name) => ({ name, score: number }))
  const skills = [ann, bob].map((name) => ({ name, skill: number }))
  try {
    await store.keep({ endedAtMs: number, room: String(number), scores, winners: [ann], skills })
    // At once, not when Node gets to it; if nobody reads any more it ends the process
    writeSync(1, `kept ${number}\n`)
  } catch (error) {
    writeSync(1, `lost ${number} ${(error as Error).message}\n`)
  }
}

for (let number = Number(first); ; ) {
  const together = 1 + (number % 4)
  await Promise.all(Array.from({ length: together }, () => keep(number++)))
}
