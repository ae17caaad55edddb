// How clients leave, are kicked and come back.
import type { Room } from '@colyseus/sdk'
import { same } from '../support/same.ts'
import { left, message, type Serving, until } from '../support/serving.ts'

/** A client in a room, which does not come back by itself. */
async function join(serving: Serving, options: object = {}): Promise<Room> {
  const room = await serving.client().joinOrCreate('game', { name: 'ann', ...options })
  room.reconnection.enabled = false
  await message(room, 'welcome')
  return room
}

same('a client that is kicked gets the code and the reason', {
  async run(serving) {
    const room = await join(serving)
    const goodbye = left(room)
    room.send('kick', 4123)
    const seen = await goodbye
    await serving.heard('dispose')
    return { seen, events: serving.events }
  },
  sees: {
    seen: { code: 4123, reason: 'kicked' },
    events: ['join ann', 'drop 4123', 'leave 4123', 'dispose']
  }
})

same('a client that is kicked without a code gets 1005', {
  async run(serving) {
    const room = await join(serving)
    const goodbye = left(room)
    room.send('kickWithoutCode')
    const { code } = await goodbye
    return { code, dropped: await serving.heard('drop') }
  },
  sees: { code: 1005, dropped: '1005' }
})

same('an error comes to the client, which stays', {
  async run(serving) {
    const room = await join(serving)
    const error = new Promise((resolve) => {
      room.onError((code, text) => resolve(`${code} ${text}`))
    })
    room.send('fail')
    const seen = await error
    const echo = message(room, 'echo')
    room.send('echo', 1)
    return { seen, echo: await echo }
  },
  sees: { seen: '4999 as you asked', echo: 1 }
})

same('a client that is terminated sees 1006, and so does the room', {
  async run(serving) {
    const room = await join(serving)
    const goodbye = left(room)
    room.send('terminate')
    const { code } = await goodbye
    return { code, dropped: await serving.heard('drop') }
  },
  sees: { code: 1006, dropped: '1006' }
})

same('a client that closes with a code of its own is dropped with it', {
  async run(serving) {
    const room = await join(serving)
    room.connection.close(4777, 'mine')
    return serving.heard('drop')
  },
  sees: '4777'
})

same('a client that comes back by itself has its seat', {
  async run(serving) {
    const room = await serving.client().joinOrCreate('game', { name: 'ann', seatSeconds: 5 })
    room.onMessage('welcome', () => {})
    Object.assign(room.reconnection, { minUptime: 0, minDelay: 10, delay: 10 })
    const { sessionId } = room
    const back = new Promise<void>((resolve) => void room.onReconnect(() => resolve()))
    room.send('move', { x: 5, y: 6 })
    await until('it has moved', () => room.state.players?.get(sessionId)?.x === 5)
    room.send('terminate')
    await back
    const echo = message(room, 'echo')
    room.send('echo', 'again')
    return {
      echo: await echo,
      isTheSame: room.sessionId === sessionId,
      x: room.state.players.get(sessionId).x,
      events: serving.events
    }
  },
  sees: {
    echo: 'again',
    isTheSame: true,
    x: 5,
    events: ['join ann', 'drop 1006', 'reconnect']
  }
})

same('a client that comes back with its token has its seat, once', {
  async run(serving) {
    const room = await join(serving, { seatSeconds: 5 })
    const { reconnectionToken, sessionId } = room
    room.connection.close(4777)
    await serving.heard('drop')
    const again = await serving.client().reconnect(reconnectionToken)
    again.onMessage('welcome', () => {})
    await serving.heard('reconnect')
    const refused = await serving
      .client()
      .reconnect(reconnectionToken)
      .then(
        () => 'twice',
        ({ code }) => code
      )
    return { isTheSame: again.sessionId === sessionId, refused }
  },
  sees: { isTheSame: true, refused: 524 }
})

same('a client comes back while its old connection is still open', {
  async run(serving) {
    const room = await join(serving, { seatSeconds: 5 })
    const again = await serving.client().reconnect(room.reconnectionToken)
    // The framework leaves it open.
    room.connection.close(4777)
    const echo = message(again, 'echo')
    again.send('echo', 'here')
    return {
      isTheSame: again.sessionId === room.sessionId,
      echo: await echo,
      events: serving.events
    }
  },
  sees: { isTheSame: true, echo: 'here', events: ['join ann', 'drop 4002', 'reconnect'] }
})

same('a seat that was not kept is gone', {
  async run(serving) {
    const room = await join(serving)
    room.connection.close(4777)
    await serving.heard('leave')
    return serving
      .client()
      .reconnect(room.reconnectionToken)
      .then(
        () => 'back',
        ({ code }) => code
      )
  },
  sees: 522
})
