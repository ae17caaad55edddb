// Waits in a raw epoll while its parent sends it signals; says how long the wait took.
import { Epoll } from 'pollport'

const epoll = new Epoll()
// A handler, whose turn comes after the wait: without one the signal would end the process.
process.on('SIGUSR2', () => {})
process.send('waiting')
const started = performance.now()
const events = epoll.wait(600)
process.send({ spentMs: performance.now() - started, events: events.length })
