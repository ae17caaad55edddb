// Throws where the argument says, in a call that comes from another thread by way of Node's loop,
// and catches nothing.
import { Poller, runLoop } from 'pollport'

const throwIt = () => {
  throw new Error('a mistake of the program')
}

const places = {
  'the handler of run()': () => {
    const poller = new Poller()
    poller.run(throwIt)
    poller.wake()
  },
  'onEvents of runLoop': () => {
    const poller = new Poller()
    poller.wake()
    runLoop(poller, { hz: 100, onEvents: throwIt, onTick() {} })
  },
  'the native callback itself': async () => {
    // Below the public floor: nothing between the thread's call and JavaScript catches here.
    const { addon } = await import(new URL('binding/load.js', import.meta.resolve('pollport')).href)
    const watch = addon().loopWatchOpen(addon().exchangeCreate({}), throwIt)
    addon().loopWatchArm(watch, 0)
  }
}

await places[process.argv[2]]()
