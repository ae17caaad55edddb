// @ts-check
// What the page knows, and how each message of the server changes it. Pure: it touches no page and
// no socket, and the time is passed in. What comes thirty times a second is not in here but in
// timeline.js.

/** @typedef {import('../wire/protocol.ts').ServerMessage} ServerMessage */
/** @typedef {import('../wire/protocol.ts').RoomInfo} RoomInfo */
/** @typedef {import('../wire/protocol.ts').MemberInfo} MemberInfo */
/** @typedef {import('../wire/protocol.ts').Presence} Presence */

/** @typedef {import('../wire/protocol.ts').PlayedMatch} PlayedMatch */
/** @typedef {Omit<Extract<ServerMessage, { type: 'leaders' }>, 'type'>} Leaders */

/**
 * A line of a chat; without `from` it is an event. `id` counts up.
 * @typedef {{ id: number, from?: string, text: string }} Line
 *
 * A page of the list. `isStale`: something else has changed than what is shown, so that the page
 * should be asked for again. `pageRooms`: how many the server shows at once, as far as it is known.
 * @typedef {{ shown: RoomInfo[], from: number, total: number, pageRooms: number, isStale: boolean
 *   }} RoomPage
 *
 * @typedef {{ number: number, players: readonly string[],
 *   endsAtMs: number | undefined }}
 *   RunningMatch
 * @typedef {{ name: string, score: number, skill: number | undefined, isWinner: boolean }} Standing
 * @typedef {{ standings: Standing[], winners: string[], saved: boolean }} Result
 *
 * @typedef {object} RoomView
 * @property {string} name
 * @property {string | undefined} code
 * @property {string} host
 * @property {number} capacity
 * @property {string} game
 * @property {Record<string, unknown>} settings Of the game.
 * @property {MemberInfo[]} members In the order in which they came.
 * @property {boolean} isPractice Against bots.
 * @property {number | undefined} startsAtMs While a countdown runs.
 * @property {RunningMatch | undefined} match
 * @property {Result | undefined} result Of the last match, until the player has seen enough of it.
 *
 * @typedef {object} ViewState
 * @property {string | undefined} me The player's name; undefined for who is not signed in.
 * @property {RoomPage | undefined} rooms Undefined until the server has sent them.
 * @property {{ shown: { name: string, where: Presence }[], from: number, total: number } |
 *   undefined} people
 * @property {{ game: string, skill: number, players: number, sinceMs: number } | undefined} queue
 * @property {Leaders | undefined} leaders
 * @property {readonly PlayedMatch[] | undefined} history One's own, the newest first.
 * @property {RoomView | undefined} room
 * @property {readonly Line[]} lobbyLines
 * @property {readonly Line[]} roomLines
 * @property {string} roomOfLines Where the lines of `roomLines` were said.
 * @property {number} lastLine
 * @property {number | undefined} lastMatch The number of the last one that has begun here.
 * @property {boolean} isLeaving The player has asked for it.
 * @property {number | undefined} closesAtMs The server drains.
 * @property {{ id: number, text: string, isBad: boolean } | undefined} notice The last one; `id`
 *   counts up.
 */

/** More is not kept of a chat: the page stays open for days. */
export const MAX_LINES = 200

/** @returns {ViewState} */
export function initialState() {
  return {
    me: undefined,
    rooms: undefined,
    people: undefined,
    queue: undefined,
    leaders: undefined,
    history: undefined,
    room: undefined,
    lobbyLines: [],
    roomLines: [],
    roomOfLines: '',
    lastLine: 0,
    lastMatch: undefined,
    isLeaving: false,
    closesAtMs: undefined,
    notice: undefined
  }
}

/**
 * @param {'lost' | 'drained'} why
 * @param {string} room
 */
function wordsOfNode(why, room) {
  const place = room === '' ? 'you were on' : `of ${room}`
  return why === 'lost'
    ? `The server ${place} was lost. You are in the lobby again.`
    : `The server ${place} is about to stop. You are in the lobby again.`
}

/**
 * @param {ViewState} state
 * @param {ServerMessage} message
 * @param {number} nowMs
 * @returns {ViewState}
 */
export function reduce(state, message, nowMs) {
  switch (message.type) {
    case 'welcome':
      // After a reconnect 'joined' comes next if there is a room; earlier chat stays.
      if (state.me !== message.name)
        return { ...initialState(), notice: state.notice, me: message.name }
      return {
        ...state,
        room: undefined,
        queue: undefined,
        rooms: undefined,
        closesAtMs: undefined
      }

    case 'rooms': {
      const { rooms: shown, from, total } = message
      const isCut = from + shown.length < total
      const pageRooms = isCut ? shown.length : (state.rooms?.pageRooms ?? 0)
      return { ...state, rooms: { shown, from, total, pageRooms, isStale: false } }
    }
    case 'rooms-changed':
      return state.rooms === undefined
        ? state
        : { ...state, rooms: withChanges(state.rooms, message) }
    case 'players':
      return {
        ...state,
        people: { shown: message.players, from: message.from, total: message.total }
      }

    case 'queued':
      return {
        ...state,
        queue: {
          game: message.game,
          skill: message.skill,
          players: message.players,
          sinceMs: state.queue?.sinceMs ?? nowMs
        }
      }
    case 'unqueued':
      return { ...state, queue: undefined }

    case 'leaders': {
      const { leaders, skill, players } = message
      return { ...state, leaders: { leaders, skill, players } }
    }
    case 'history':
      return { ...state, history: message.matches }

    case 'joined': {
      const { room: name, code, host, capacity, game, settings, members, practice } = message
      const isSame = state.roomOfLines === name
      return {
        ...state,
        queue: undefined,
        room: {
          name,
          code,
          host,
          capacity,
          game,
          settings,
          members,
          isPractice: practice === true,
          startsAtMs: undefined,
          match: undefined,
          result: undefined
        },
        roomLines: isSame ? state.roomLines : [],
        roomOfLines: name
      }
    }
    case 'left': {
      const { byOperator, byNode, isIdle, room } = message
      const text =
        byOperator !== undefined
          ? `An operator closed ${room}: ${byOperator}`
          : byNode !== undefined
            ? wordsOfNode(byNode, room)
            : isIdle
              ? `The bots of ${room} waited too long, and play with others now.`
              : state.isLeaving
                ? undefined
                : `${room} was closed: no players are left in it.`
      return text === undefined ? outOfRoom(state) : withNotice(outOfRoom(state), text)
    }
    case 'kicked':
      return withNotice(outOfRoom(state), `The host of ${message.room} removed you.`, true)

    case 'chat':
      return withLine(state, message.to, { from: message.from, text: message.text })

    case 'announcement':
      return withNotice(
        withLine(state, state.room === undefined ? 'lobby' : 'room', {
          text: `Operator: ${message.text}`
        }),
        message.to === 'you' ? `An operator tells you: ${message.text}` : message.text,
        message.to === 'you'
      )

    case 'muted': {
      const { name, on } = message
      const text = on ? `You no longer see what ${name} says.` : `You see what ${name} says again.`
      return withNotice(state, text)
    }
    case 'reported':
      return withNotice(state, `The operators have your report about ${message.name}.`)

    case 'draining':
      return { ...state, closesAtMs: nowMs + message.withinMs }
    default:
      return state.room === undefined ? state : reduceRoom(state, state.room, message, nowMs)
  }
}

/**
 * What {@link reduce} does not handle itself.
 * @typedef {Exclude<ServerMessage, { type: 'welcome' | 'rooms' | 'rooms-changed' | 'players' |
 *   'queued' | 'unqueued' | 'leaders' | 'history' | 'joined' | 'left' | 'kicked' | 'chat' |
 *   'announcement' | 'draining' | 'muted' | 'reported' }>} OtherMessage
 */

/**
 * Messages that only members of a room get.
 * @param {ViewState} state
 * @param {RoomView} room
 * @param {OtherMessage} message
 * @param {number} nowMs
 * @returns {ViewState}
 */
function reduceRoom(state, room, message, nowMs) {
  /** @param {Partial<RoomView>} change @param {string} [event] */
  const changed = (change, event) => {
    const next = { ...state, room: { ...room, ...change } }
    return event === undefined ? next : withLine(next, 'room', { text: event })
  }
  /** @param {string} name @param {Partial<MemberInfo>} change */
  const withMember = (name, change) =>
    room.members.map((member) => (member.name === name ? { ...member, ...change } : member))

  switch (message.type) {
    case 'member-joined': {
      const { name, spectator } = message
      const members = [...room.members, { name, spectator, ready: false, away: false }]
      return changed({ members }, spectator ? `${name} is watching` : `${name} joined`)
    }
    case 'member-left': {
      const members = room.members.filter(({ name }) => name !== message.name)
      return changed(
        { members },
        `${message.name} ${message.kicked ? 'was removed by the host' : 'left'}`
      )
    }
    case 'member-away': // who is not here is not ready
      return changed(
        { members: withMember(message.name, { away: true, ready: false }) },
        `${message.name} lost the connection`
      )
    case 'member-back':
      return changed(
        { members: withMember(message.name, { away: false }) },
        `${message.name} is back`
      )
    case 'host': {
      const text =
        message.name === state.me ? 'You are the host now' : `${message.name} is the host now`
      return changed({ host: message.name }, text)
    }
    case 'seat-kept': {
      const seconds = Math.ceil(message.forMs / 1000)
      return changed({}, `A seat is kept for ${message.name}, for ${seconds} s`)
    }
    case 'ready':
      return changed({ members: withMember(message.name, { ready: message.ready }) })

    case 'countdown':
      return changed({ startsAtMs: nowMs + message.startsInMs })
    case 'countdown-stopped':
      return changed({ startsAtMs: undefined })
    case 'match-started': {
      const { match: number, players, endsInMs } = message
      const endsAtMs = endsInMs === undefined ? undefined : nowMs + endsInMs
      const match = { number, players, endsAtMs }
      const isNew = number !== state.lastMatch // and not one that the player comes back to
      const begun = changed(
        { match, startsAtMs: undefined, result: undefined },
        isNew ? 'The match starts' : undefined
      )
      return { ...begun, lastMatch: number }
    }
    case 'match-ended': {
      const members = room.members.map((member) => ({ ...member, ready: false }))
      return changed({ members, match: undefined, result: resultOf(message) }, 'The match is over')
    }
    // Others handle these: the connection, the game, the dialogs
    case 'hello':
    case 'signed-out':
    case 'held':
    case 'state':
    case 'event':
    case 'udp':
    case 'pong':
    case 'error':
    case 'bye':
      return state
    default:
      return passOver(state, message)
  }
}

/**
 * A message of a newer server. One of this server's that nobody handles does not compile.
 * @param {ViewState} state
 * @param {never} _message
 */
function passOver(state, _message) {
  return state
}

/**
 * Changes of what is shown are put in at once. Anything else is somewhere on another page, unless
 * there is no other page.
 * @param {RoomPage} page
 * @param {{ rooms: RoomInfo[], gone: string[] }} changes
 * @returns {RoomPage}
 */
function withChanges(page, { rooms, gone }) {
  const shown = new Map(page.shown.map((room) => [room.name, room]))
  const isWhole = page.from === 0 && page.shown.length === page.total
  for (const name of gone) shown.delete(name)
  for (const room of rooms) if (isWhole || shown.has(room.name)) shown.set(room.name, room)
  const isStale =
    page.isStale || (!isWhole && (gone.length > 0 || rooms.some(({ name }) => !shown.has(name))))
  return { ...page, shown: [...shown.values()], total: isWhole ? shown.size : page.total, isStale }
}

/**
 * @param {Extract<ServerMessage, { type: 'match-ended' }>} message
 * @returns {Result}
 */
function resultOf({ winners, scores, skills, saved }) {
  const skillOf = new Map(skills.map(({ name, skill }) => [name, skill]))
  const isWinner = new Set(winners)
  const standings = scores
    .map(({ name, score }) => ({
      name,
      score,
      skill: skillOf.get(name),
      isWinner: isWinner.has(name)
    }))
    .sort((one, other) => Number(other.isWinner) - Number(one.isWinner) || other.score - one.score)
  return { standings, winners, saved }
}

/** @param {ViewState} state @returns {ViewState} */
function outOfRoom(state) {
  return { ...state, room: undefined, roomLines: [], roomOfLines: '', isLeaving: false }
}

/**
 * @param {ViewState} state
 * @param {'room' | 'lobby'} where
 * @param {{ from?: string, text: string }} line
 * @returns {ViewState}
 */
function withLine(state, where, line) {
  const id = state.lastLine + 1
  const key = where === 'room' ? 'roomLines' : 'lobbyLines'
  return { ...state, lastLine: id, [key]: [...state[key], { id, ...line }].slice(-MAX_LINES) }
}

// ---- What the player does, and what happens to the connection ----

/**
 * Something to be shown for a moment.
 * @param {ViewState} state
 * @param {string} text
 * @param {boolean} [isBad]
 * @returns {ViewState}
 */
export function withNotice(state, text, isBad = false) {
  return { ...state, notice: { id: (state.notice?.id ?? 0) + 1, text, isBad } }
}

/** @param {ViewState} state @returns {ViewState} */
export function leaving(state) {
  return { ...state, isLeaving: true }
}

/** @param {ViewState} state @returns {ViewState} */
export function withoutResult(state) {
  return state.room === undefined ? state : { ...state, room: { ...state.room, result: undefined } }
}

/**
 * The seat in the room stays, the one in the queue does not.
 * @param {ViewState} state
 * @returns {ViewState}
 */
export function whenLost(state) {
  return {
    ...state,
    queue: undefined,
    room: state.room && { ...state.room, startsAtMs: undefined }
  }
}

// ---- Questions ----

/** @param {ViewState} state */
export function isHost({ me, room }) {
  return me !== undefined && room?.host === me
}

/** @param {ViewState} state @returns {MemberInfo | undefined} */
export function ownSeat({ me, room }) {
  return room?.members.find(({ name }) => name === me)
}

/** @param {RoomView} room */
export function playersOf(room) {
  return room.members.filter(({ spectator }) => !spectator)
}
