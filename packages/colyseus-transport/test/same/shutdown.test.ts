// A server that shuts down in order.
import { same } from '../support/same.ts'
import { left, message, type Serving } from '../support/serving.ts'

async function joined(serving: Serving) {
  const room = await serving.client().joinOrCreate('game', { name: 'ann' })
  room.reconnection.enabled = false
  await message(room, 'welcome')
  return left(room)
}

same('SIGTERM: the clients get 4001, the rooms are disposed, and the process ends', {
  async run(serving) {
    const goodbye = joined(serving)
    await serving.heard('join')
    await new Promise((resolve) => setTimeout(resolve, 50))
    serving.child.kill('SIGTERM')
    const { code } = await goodbye
    const exit = await serving.heard('exit')
    return { code, exit, events: serving.events }
  },
  sees: {
    code: 4001,
    exit: '0',
    events: ['join ann', 'drop 4001', 'leave 4001', 'dispose', 'shut down']
  }
})

same('a shutdown by the program leaves nothing that keeps the process alive', {
  async run(serving) {
    const goodbye = joined(serving)
    await serving.heard('join')
    await new Promise((resolve) => setTimeout(resolve, 50))
    serving.command({ do: 'shutDown' })
    const { code } = await goodbye
    return { code, exit: await serving.heard('exit') }
  },
  sees: { code: 4001, exit: '0' }
})

same('http answers what it was asked before, and then the port is closed', {
  async run(serving) {
    const url = `http://127.0.0.1:${serving.port}/__healthcheck`
    const before = (await fetch(url)).status
    serving.command({ do: 'shutDown' })
    await serving.heard('shut down')
    const after = await fetch(url).then(
      ({ status }) => status,
      ({ cause }) => cause.code
    )
    return { before, after, exit: await serving.heard('exit') }
  },
  sees: { before: 200, after: 'ECONNREFUSED', exit: '0' }
})
