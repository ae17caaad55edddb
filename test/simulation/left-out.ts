// The promises of test/promises that are not tried on a simulated network, and why. Pure data.

const threads = 'it is about threads, and a simulation has one'
const rawSockets = 'it needs raw sockets, which a simulated network does not have'
const handOver = 'a socket of a simulated network has no handle that could be given away'
const nodesOwn = "it is about Node's own net, http, tls or streams over a connection"
const processes = 'it starts processes of its own'
const resources = 'it is about memory, descriptors or processor time of the system'
const tooMuch = 'so many bytes take a simulation too long'
const withinTheCall = 'over its loopback a system delivers within the call; here time has to pass'

/** A file, or those of its tests whose titles begin so. */
export const leftOut: Readonly<Record<string, string | Readonly<Record<string, string>>>> = {
  'accept.test.ts': {
    'where a connection came from stays known': handOver,
    'a connection that did not come from a listener': handOver,
    'S.7 an address in use by another program': nodesOwn
  },
  'adopt-and-detach.test.ts': rawSockets,
  'bound-socket.test.ts': nodesOwn,
  'buffers-taken-away.test.ts': threads,
  'cloning.test.ts': threads,
  'closing-in-events.test.ts': {
    'detach() does what it says': handOver,
    'another connection that has news gets detach()': handOver,
    'another connection that has news gets close()': withinTheCall,
    'another connection that has news gets send() and close()': withinTheCall
  },
  'connect-timeout.test.ts': rawSockets,
  'deadlines-in-run.test.ts': {
    'the timeout of a connect that a timer begins': rawSockets,
    'resume() of a connection and of a listener': rawSockets
  },
  'descriptors-exhausted.test.ts': resources,
  'divert.test.ts': { 'a detached connection is diverted no longer': handOver },
  'duplex-connecting.test.ts': nodesOwn,
  'duplex-options.test.ts': nodesOwn,
  'duplex-protocols.test.ts': nodesOwn,
  'duplex-tls.test.ts': nodesOwn,
  'duplex-turns.test.ts': nodesOwn,
  'duplex-unread-end.test.ts': nodesOwn,
  'duplex.test.ts': nodesOwn,
  'echo-100-mib.test.ts': tooMuch,
  'fairness.test.ts': { 'a flood of datagrams does not keep': withinTheCall },
  'faked-clocks.test.ts': processes,
  'far-times.test.ts': { 'an idle time, and a connect, of': resources },
  'frames.test.ts': 'it needs no network',
  'fresh-userptr.test.ts': rawSockets,
  'half-close.test.ts': {
    'the end leaves before wait() blocks': threads,
    'the same without anything to send': threads
  },
  'late-answers.test.ts': rawSockets,
  'linger.test.ts': rawSockets,
  'mid-page.test.ts': resources,
  'multicast.test.ts': 'a simulated network has no multicast groups',
  'node-loop-needed.test.ts': nodesOwn,
  'node-loop-turns.test.ts': "it counts turns of Node's loop, which a simulation takes for itself",
  'open-close-rounds.test.ts': processes,
  'option-names.test.ts': rawSockets,
  'other-realm.test.ts': rawSockets,
  'poller-arguments.test.ts': {
    'new Poller: a backend that there is nowhere': 'a simulated host has one backend',
    'trying to give away the memory of an event': withinTheCall
  },
  'poller-close.test.ts': {
    'closing gives every descriptor back': resources,
    'failing to make a socket leaks none': resources
  },
  'poller-wait-timeout.test.ts': {
    'wait(-1) goes on': threads,
    'wait() with nothing goes on': threads,
    'wait(undefined) goes on': threads,
    'wait of 25 days': threads,
    'wait of thirty years': threads,
    'wait of longer than there will be computers': threads
  },
  'quiet-sockets.test.ts': processes,
  'random-ends.test.ts': processes,
  'raw-arguments.test.ts': rawSockets,
  'raw-blocking.test.ts': rawSockets,
  'raw-hand-over.test.ts': rawSockets,
  'raw-options.test.ts': rawSockets,
  'raw-tcp.test.ts': rawSockets,
  'raw-udp.test.ts': rawSockets,
  'raw-wake.test.ts': rawSockets,
  'receive.test.ts': { 'S.11 64 MiB each way at once': tooMuch },
  'run-in-node.test.ts': {
    'S.25 it runs beside an http server': nodesOwn,
    'an idle run() sleeps': resources
  },
  'run-loop.test.ts': {
    'a tick that takes three periods': 'it spins until real time has passed',
    'by default timers and promises of Node': nodesOwn,
    'exclusive: nothing of Node runs': 'a simulation refuses `exclusive`: others have to run'
  },
  'serve-fields.test.ts': nodesOwn,
  'serve-frameworks.test.ts': nodesOwn,
  'serve.test.ts': nodesOwn,
  'ten-thousand-connections.test.ts': processes,
  'throwing-handlers.test.ts': rawSockets,
  'spinning-ticks.test.ts': {
    'it polls for so long before a tick': 'a simulation has no waits that are late, and ignores it',
    "Node's timers and promises": nodesOwn,
    'exclusive: it spins': 'a simulation refuses `exclusive`: others have to run'
  },
  'two-gibibytes.test.ts': resources,
  'udp-backlog.test.ts': 'it has a backend of its own',
  'udp-peers.test.ts': {
    'sends TCP to IPv4 peers': handOver,
    'hears that nobody is at': rawSockets,
    'hears what came before': rawSockets,
    'knows its peer': rawSockets,
    'a socket that is not connected has no peer': rawSockets
  },
  'wake.test.ts': {
    'S.20 a wake from another thread': threads,
    'S.20 wakes from another thread': threads,
    'a waker is known by a number': threads,
    'every poller has a waker': threads,
    'waking a poller that is closed': threads,
    'handles that never were a waker': threads
  }
}

export const filesLeftOut = Object.keys(leftOut).filter((name) => typeof leftOut[name] === 'string')

/** Why that test of test/promises is left out; undefined: it is not. */
export function reasonFor(file: string, title: string): string | undefined {
  const reasons = leftOut[file]
  if (reasons === undefined || typeof reasons === 'string') return reasons
  return Object.entries(reasons).find(([beginning]) => title.startsWith(beginning))?.[1]
}
