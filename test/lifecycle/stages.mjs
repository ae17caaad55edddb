// Comes to the stage named by the first argument, then leaves in the way named by the second: exit
// (process.exit(7)), throw (an uncaught exception), natural (nothing is left to do), sigterm (a
// signal of the system).
import { Worker } from 'node:worker_threads'
import { Poller, Socket } from 'pollport'

const [stage, way] = process.argv.slice(2)
const ANY = { address: '127.0.0.1', port: 0 }

function leave() {
  if (way === 'exit') process.exit(7)
  if (way === 'throw') throw new Error('left by an exception')
  if (way === 'sigterm') process.kill(process.pid, 'SIGTERM')
}

/** A poller with both ends of a connection. */
function pair() {
  const poller = new Poller()
  const listener = poller.listenTcp(ANY)
  const far = poller.connectTcp(listener.localAddress)
  let near
  while (near === undefined || far.localAddress.port === 0) {
    for (const event of poller.wait(1000)) if (event.type === 'accept') near = event.socket
  }
  return { poller, listener, far, near }
}

function workerIn(body) {
  const source = `const { Poller } = await import('pollport')
    const { parentPort } = await import('node:worker_threads')
    const poller = new Poller()
    const listener = poller.listenTcp({ address: '127.0.0.1', port: 0 })
    ${body}`
  return new Worker(
    new URL(
      `data:text/javascript,${encodeURIComponent(source.replace("'pollport'", JSON.stringify(import.meta.resolve('pollport'))))}`
    )
  )
}

const stages = {
  'a new poller': () => {
    new Poller()
    leave()
  },
  'a closed poller': () => {
    new Poller().close()
    leave()
  },
  'listeners and sockets of all kinds': () => {
    const { poller } = pair()
    poller.bindUdp(ANY).send('x', { address: '127.0.0.1', port: 9 })
    new Socket({ type: 'tcp' })
    leave()
  },
  'a connect that is under way': () => {
    const poller = new Poller()
    poller.connectTcp({
      address: '127.0.0.1',
      port: poller.listenTcp(ANY).localAddress.port,
      timeoutMs: 10_000
    })
    leave()
  },
  'sends that no wait has seen': () => {
    const { far } = pair()
    far.send('never sent')
    leave()
  },
  'sends that the system did not take': () => {
    const { poller, far, near } = pair()
    near.pause()
    far.send(Buffer.alloc(30_000_000))
    poller.wait(10)
    leave()
  },
  'the handling of an event of wait()': () => {
    const { poller, far } = pair()
    far.send('x')
    for (const _ of poller.wait(1000)) leave()
  },
  'an idle run()': () => {
    const { poller } = pair()
    const ending = new AbortController()
    poller.run(() => {}, { signal: ending.signal })
    setTimeout(() => {
      leave()
      ending.abort()
    }, 30)
  },
  'a busy run()': () => {
    const { poller, far } = pair()
    const ending = new AbortController()
    let events = 0
    let timer
    poller.run(
      (batch) => {
        for (const event of batch) if (event.type === 'receive') event.socket.send(event.data)
        events += batch.length
        // From a timer, so that run() is between two batches, with bytes under way.
        if (events >= 10 && timer === undefined) {
          timer = setTimeout(() => {
            leave()
            ending.abort()
          }, 5)
        }
      },
      { signal: ending.signal }
    )
    far.send('back and forth')
  },
  'the handler of run()': () => {
    const { poller } = pair()
    const ending = new AbortController()
    poller.run(
      () => {
        leave()
        ending.abort()
      },
      { signal: ending.signal }
    )
    poller.wake()
  },
  'a for await': async () => {
    const { poller } = pair()
    setTimeout(() => poller.wake(), 10)
    for await (const _ of poller) {
      leave()
      break
    }
  },
  'a promise after run() has ended': async () => {
    const { poller } = pair()
    await poller.run(() => {}, { signal: AbortSignal.timeout(20) })
    leave()
  },
  'a worker that sits in wait(-1)': () => {
    const worker = workerIn(`parentPort.postMessage('there'); poller.wait(-1)`)
    worker.once('message', () => {
      setTimeout(() => {
        leave()
        worker.terminate()
      }, 30)
    })
  },
  'a worker in run()': () => {
    const worker = workerIn(`parentPort.postMessage('there'); await poller.run(() => {})`)
    worker.once('message', () => {
      setTimeout(() => {
        leave()
        worker.terminate()
      }, 30)
    })
  },
  'two workers and the main thread, all at it': () => {
    const workers = [
      workerIn(`parentPort.postMessage('there'); for (;;) poller.wait(1)`),
      workerIn(`parentPort.postMessage('there'); await poller.run(() => {})`)
    ]
    const { poller } = pair()
    const ending = new AbortController()
    poller.run(() => {}, { signal: ending.signal })
    let there = 0
    for (const worker of workers) {
      worker.once('message', () => {
        if (++there < 2) return
        setTimeout(() => {
          leave()
          ending.abort()
          for (const each of workers) each.terminate()
        }, 20)
      })
    }
  },
  'the exit event itself': () => {
    const { poller, far } = pair()
    process.on('exit', () => {
      far.send('goodbye')
      poller.wait(0)
      poller.wake()
    })
    leave()
  },
  'the exit event, closing everything': () => {
    const { poller } = pair()
    poller.run(() => {}, { signal: AbortSignal.timeout(20) })
    process.on('exit', () => poller.close())
    leave()
  }
}

if (!(stage in stages)) throw new Error(`there is no stage "${stage}"`)
await stages[stage]()
