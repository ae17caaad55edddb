// Waits in a raw epoll while its parent sends it signals; says how long the wait took.
import { Epoll } from 'pollport'

const epoll = new Epoll()
process.send('waiting')
const started = performance.now()
const events = epoll.wait(600)
process.send({ spentMs: performance.now() - started, events: events.length })
