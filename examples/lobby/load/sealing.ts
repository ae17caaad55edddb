// What encryption costs a datagram, in processor time: sealing at one end, opening at the other.
// Prints a line for each size; the last of the rounds counts, since the first ones compile.
import { Seal } from '../wire/sealed.ts'

const SIZES = [32, 120, 512, 1_200]
const DATAGRAMS = 50_000
const ROUNDS = 4
const HEAD = Buffer.from([9])

function microseconds(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / DATAGRAMS
}

function measure(size: number): { seal: number; open: number } {
  const [secret, session] = ['ab'.repeat(32), 'cd'.repeat(16)]
  const [server, player] = [new Seal(secret, session, true), new Seal(secret, session, false)]
  const plain = Buffer.alloc(size, 7)
  let result = { seal: 0, open: 0 }
  for (let round = 0; round < ROUNDS; round++) {
    const sealed: Buffer[] = []
    const seal = microseconds(() => {
      for (let count = 0; count < DATAGRAMS; count++) sealed.push(server.seal(HEAD, plain))
    })
    const open = microseconds(() => {
      for (const bytes of sealed)
        if (player.open(bytes, HEAD.length) === undefined) throw new Error('it does not open')
    })
    result = { seal, open }
  }
  return result
}

for (const size of SIZES) {
  const { seal, open } = measure(size)
  console.log(`${size} bytes: ${seal.toFixed(2)} µs to seal, ${open.toFixed(2)} µs to open`)
}
