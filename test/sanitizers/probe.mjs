// Commits the fault that its argument names: a function of probe.cc, here or ("workers:") in two
// workers at once. Run with --expose-gc.
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'

const probeFile = process.env.POLLPORT_PROBE
const fault = process.argv[2]

if (fault.startsWith('workers:')) {
  const source = `require(${JSON.stringify(probeFile)}).${fault.slice('workers:'.length)}()`
  const workers = [new Worker(source, { eval: true }), new Worker(source, { eval: true })]
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve))))
} else {
  createRequire(import.meta.url)(probeFile)[fault]()
  globalThis.gc()
}
