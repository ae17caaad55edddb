// The n-th request of the addon for memory is refused, in the middle of a scenario. Argument: n.
import { Checks, pollerScenario } from './scenarios.mjs'
import { Faults } from './shim/control.mjs'

const faults = new Faults()
faults.set([{ call: 'operator_new', first: Number(process.argv[2]), error: 'ENOMEM' }])
try {
  pollerScenario(new Checks(), () => {})
} catch (error) {
  console.log(`an exception reached JavaScript: ${error}`)
}
faults.clear()
process.send({ mark: 'went on', faults: faults.total })
process.disconnect()
