// Runs the loop named by the first argument until the signal named by the second, for which it has
// a handler as the guide shows it. With 'itself' as a third argument it plays the signal, where
// nobody can send one.
import { Poller, runLoop } from 'pollport'

const [loop, signal, sender] = process.argv.slice(2)
const poller = new Poller()
const stop = new AbortController()
if (loop !== 'exclusive') process.once(signal, () => stop.abort())
if (sender === 'itself') setTimeout(() => process.emit(signal, signal), 100)
process.send({ mark: 'running' })

if (loop === 'run') await poller.run(() => {}, { signal: stop.signal })
else
  await runLoop(poller, {
    hz: 60,
    onTick() {},
    signal: stop.signal,
    exclusive: loop === 'exclusive'
  })
poller.close()
console.log('ended in order')
process.disconnect()
