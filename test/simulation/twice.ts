// Many seeds, each twice: `npm run test:seeds [-- COUNT]`. Ends with 1 at the first seed whose runs
// differ, and says where.
import { conversation } from './conversation.ts'

const count = Number(process.argv[2] ?? 1000)
for (let seed = 1; seed <= count; seed++) {
  const first = await conversation(seed)
  const second = await conversation(seed)
  if (first.trace === second.trace && first.seen.join() === second.seen.join()) continue
  const at = first.seen.findIndex((line, index) => line !== second.seen[index])
  console.error(`seed ${seed}: ${first.seen[at]}, and then ${second.seen[at]}`)
  process.exit(1)
}
console.log(`${count} seeds, each twice: every run was the same both times`)
