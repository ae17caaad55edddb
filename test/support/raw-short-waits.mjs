// Waits for short times and says how long each took, and whether the kernel was said to be able to.
import { Epoll, Poller } from 'pollport'

const epoll = new Epoll()
const spent = [0.25, 1.5, 20.2].map((timeoutMs) => {
  const started = performance.now()
  epoll.wait(timeoutMs)
  return { timeoutMs, spentMs: performance.now() - started }
})
console.log(JSON.stringify({ spent, fine: new Poller().capabilities.subMillisecondWait }))
