// The process in which random programs run: it may crash or hang, and its parent tells. Takes a
// program after the other, in messages.
import { countDescriptors, descriptorsBackAt } from '../support/descriptors.ts'
import { isWine } from '../support/system.ts'
import { programOf } from './operations.ts'
import type { Answer, Program } from './player.ts'
import { World } from './world.ts'

async function run({ seed, count, keep, deadlineMs }: Program): Promise<Answer> {
  const all = programOf(seed, count)
  const program = keep === undefined ? all : keep.map((index) => all[index])
  const before = countDescriptors()
  const world = new World(deadlineMs)
  let done = 0
  try {
    for (; done < program.length; done++) world.run(program[done])
    world.finish()
    const left = (await descriptorsBackAt(before)) - before
    // Under Wine a process gets a handle more for itself, sooner or later (docs/platforms.md).
    if (left > (isWine ? 1 : 0)) throw new Error(`${left} descriptors were not given back`)
  } catch (error) {
    world.close()
    const { message, stack } = error as Error
    const story = `${world.story.slice(-30).join('\n')}\n${stack}`
    return {
      counts: world.counts,
      failure: { message, story, operations: Math.min(done + 1, program.length) }
    }
  }
  return { counts: world.counts }
}

// Whatever is made once a process is there before anything is counted.
new World(1000).close()
process.on('message', async (program: Program) => process.send?.(await run(program)))
process.send?.('ready')
