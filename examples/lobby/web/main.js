// @ts-check
// Puts the page together: messages change the state, the state is shown once a frame, and what the
// player does becomes a request.
import { ChatView } from './chat-view.js'
import { Connection, seatInTab } from './connection.js'
import { Dialogs } from './dialogs.js'
import { byId, limitChars, oncePerFrame, part, setName, setText, show, theOne } from './dom.js'
import { keepFocus } from './focus.js'
import { GameView } from './game-view.js'
import { InviteDialog, invitedTo } from './invite.js'
import { LobbyView } from './lobby-view.js'
import { Notices } from './notices.js'
import { RoomView } from './room-view.js'
import { SignInView } from './signin-view.js'
import { requestOf } from './speech.js'
import { StandingView } from './standing-view.js'
import { initialState, leaving, reduce, whenLost, withNotice, withoutResult } from './state.js'
import { Tabs } from './tabs.js'
import {
  secondsUntil,
  wordsOfRefusal,
  wordsOfStatus,
  wordsOfTime,
  wordsOfTrouble
} from './words.js'

/** @typedef {import('./state.js').ViewState} ViewState */
/** @typedef {import('./connection.js').Status} Status */
/** @typedef {import('../wire/protocol.ts').Request} Request */
/** @typedef {import('../wire/protocol.ts').ServerMessage} ServerMessage */
/** @typedef {import('../wire/protocol.ts').LimitsInfo} LimitsInfo */
/** @typedef {'loading' | 'sign-in' | 'lobby' | 'room' | 'match' | 'result'} Screen */

/**
 * What is to be shown.
 * @typedef {{ state: ViewState, status: Status, latencyMs: number | undefined, nowMs: number,
 *   limits: LimitsInfo | undefined,
 *   games: readonly import('../wire/protocol.ts').GameInfo[] }} View
 *
 * What a player can do. `send` passes a request to the server as it is; the others do something
 * first.
 * @typedef {object} Actions
 * @property {(name: string) => void} signIn
 * @property {(request: Request) => void} send
 * @property {() => void} askForRoom
 * @property {(room: string, how?: { toWatch?: boolean, hasPassword?: boolean }) => void} enterRoom
 *   By its name or its code.
 * @property {(from: number) => void} browseRooms
 * @property {(from: number) => void} browsePeople
 * @property {() => void} leave
 * @property {(name: string) => void} kick
 * @property {(name: string) => void} handOver
 * @property {() => void} dismissResult
 * @property {() => void} focusChat
 * @property {() => void} invite
 */

/** Updates clocks on the page, and asks for what has to be fresh. */
const LOOK_EVERY_MS = 250
const ASK_FOR_PEOPLE_MS = 5_000
/** At most so often, however much changes in rooms that are not shown. */
const ASK_FOR_ROOMS_MS = 3_000

/** Who waits for a match asks how many do. */
const ASK_FOR_QUEUE_MS = 5_000

let state = initialState()
/** @type {Screen} */
let screen = 'loading'
/** Whose page this was before. @type {string | undefined} */
let lastName
/**
 * The room that the player wants to go into. @type {{ room: string, toWatch: boolean } | undefined}
 */
let wantedRoom
/**
 * The filter of the rooms whose changes the server sends, as text; undefined when it sends none.
 * @type {string | undefined}
 */
let watched
let roomsAskedMs = 0
let peopleAskedMs = Number.NEGATIVE_INFINITY
let queueAskedMs = 0
/** @type {LimitsInfo | undefined} */
let appliedLimits
/** By the link that opened this page. */
let invitation = invitedTo(location)

const seats = seatInTab('pollport-lobby')
const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/play`
const connection = new Connection(url, seats, { onMessage, onStatus })
const render = oncePerFrame(renderNow)

/** @type {Actions} */
const actions = {
  signIn: (name) => connection.signIn(name),
  send: (request) => connection.send(request),
  askForRoom() {
    const idea = [...`${state.me}’s room`].slice(0, connection.limits?.maxNameChars)
    dialogs.askForRoom(idea.join('').trim(), connection.games, connection.limits)
  },
  invite() {
    if (state.room !== undefined) inviteDialog.open(state.room)
  },
  enterRoom(room, { toWatch = false, hasPassword = false } = {}) {
    wantedRoom = { room, toWatch }
    if (hasPassword) dialogs.askForPassword(room, knock)
    else knock()
  },
  browseRooms,
  browsePeople(from) {
    peopleAskedMs = performance.now()
    connection.send({ type: 'players', from })
  },
  leave() {
    const go = () => {
      state = leaving(state)
      connection.send({ type: 'leave' })
    }
    const isInMatch = state.room?.match?.players.some((name) => name === state.me) === true
    if (!isInMatch) return go()
    const text = 'If you leave, you lose. The others play on.'
    dialogs.confirm({ title: 'Leave the match?', text, yes: 'Leave' }, go)
  },
  kick(name) {
    const text = `They cannot come back for ${wordsOfTime(connection.limits?.kickedMs ?? 0)}.`
    dialogs.confirm({ title: `Remove ${name}?`, text, yes: 'Remove' }, () =>
      connection.send({ type: 'kick', name })
    )
  },
  handOver(name) {
    const text = 'They can remove players then, and you no longer can.'
    dialogs.confirm({ title: `Make ${name} the host?`, text, yes: 'Make host' }, () =>
      connection.send({ type: 'host', name })
    )
  },
  dismissResult() {
    state = withoutResult(state)
    render()
  },
  focusChat: () => roomChat.focus()
}

const dialogs = new Dialogs((request) => connection.send(request))
const notices = new Notices(byId('notices'))
const inviteDialog = new InviteDialog()
const standingView = new StandingView(actions)
const signInView = new SignInView(actions)
const lobbyView = new LobbyView(actions)
const gameView = new GameView(actions, () => render())
const roomView = new RoomView(actions, (game) => gameView.moduleOf(game))
/** @param {string} text */
const say = (text) => {
  const meant = requestOf(text)
  if ('request' in meant) return connection.send(meant.request)
  state = withNotice(state, meant.notice)
  render()
}
const lobbyChat = new ChatView(byId('lobby-chat'), {
  title: 'Lobby chat',
  empty: 'No messages yet. Say hello to everybody in the lobby.',
  say
})
const roomChat = new ChatView(byId('room-chat'), {
  title: 'Room chat',
  empty: 'Only people in this room can read this chat.',
  say,
  onEscape: () => screen === 'match' && gameView.focus()
})
const lobbyTabs = new Tabs(byId('lobby'))
const roomTabs = new Tabs(byId('room'))

byId('sign-out').addEventListener('click', () => connection.signOut())
part(byId('connection'), 'retry').addEventListener('click', () => connection.retryNow())
// The browser's view of the network is only a hint: a server on the same machine needs no network.
window.addEventListener('offline', () => connection.seemsOffline())
// The page is open already, and somebody opens a link to another room in it.
window.addEventListener('hashchange', () => {
  invitation = invitedTo(location)
  acceptInvitation()
})
window.addEventListener('online', () => connection.retryNow())
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'hidden') return
  connection.check()
  connection.retryNow()
})

connection.comeBack()
setInterval(() => {
  tend()
  render()
}, LOOK_EVERY_MS)
render()

// ---- What comes in ----

/** @param {ServerMessage} message */
function onMessage(message) {
  const nowMs = performance.now()
  if (message.type === 'state') return gameView.onState(message, nowMs)
  if (message.type === 'event') gameView.onEvent(message, nowMs)
  if (message.type === 'error') onRefusal(message)
  const isReturn = message.type === 'welcome' && state.me === message.name
  if (message.type !== 'error') state = reduce(state, message, nowMs)
  if (message.type === 'match-started') gameView.begin(message, state.me)
  if (message.type === 'joined') {
    void gameView.load(message.game)
    watched = undefined // in a room the server sends no changes of the list
    wantedRoom = undefined
    closeDialogs()
  }
  if (message.type === 'welcome' || message.type === 'left' || message.type === 'kicked') {
    watched = undefined
    peopleAskedMs = Number.NEGATIVE_INFINITY
    closeDialogs()
  }
  if (message.type === 'welcome' && wasRestarted) {
    wasRestarted = false
    state = withNotice(state, 'The server was restarted. You are in its lobby again.')
  }
  if (message.type === 'welcome' && !isReturn) acceptInvitation()
  if (state.room?.match === undefined) gameView.end()
  connection.isPlaying = state.room?.match !== undefined
  render()
}

/** The next welcome is that of another server. */
let wasRestarted = false

/** @param {Status} status */
function onStatus(status) {
  if (status.kind === 'waiting') state = whenLost(state)
  if (status.kind === 'on' && status.isRestarted) wasRestarted = true
  if (status.kind === 'off') {
    lastName = state.me ?? lastName
    state = initialState()
    gameView.end()
    closeDialogs()
  }
  render()
}

function closeDialogs() {
  dialogs.closeAll()
  inviteDialog.close()
  standingView.close()
}

/** Goes where a link leads, once. */
function acceptInvitation() {
  const room = invitation
  if (room === undefined || state.me === undefined) return
  invitation = undefined
  history.replaceState(null, '', location.pathname)
  if (state.room === undefined) actions.enterRoom(room)
  else if (room !== state.room.code && room !== state.room.name)
    state = withNotice(state, `Leave ${state.room.name} first, and then open the link again.`, true)
}

/** @param {Extract<ServerMessage, { type: 'error' }>} error */
function onRefusal({ code, message }) {
  if (wantedRoom !== undefined && (code === 'password-needed' || code === 'wrong-password')) {
    dialogs.askForPassword(wantedRoom.room, knock)
    if (code === 'password-needed') return
  }
  const words = wordsOfRefusal(code, message, connection.limits)
  if (words === undefined || dialogs.refuse(words)) return
  state = withNotice(state, words, true)
}

// ---- What goes out ----

/** Asks to join the wanted room. @param {string} [password] */
function knock(password) {
  if (wantedRoom === undefined) return
  const { room, toWatch } = wantedRoom
  connection.send({
    type: toWatch ? 'spectate' : 'join',
    room,
    ...(password === undefined ? {} : { password })
  })
}

/** Another page of the list, or with another filter. @param {number} from */
function browseRooms(from) {
  const { filter, open } = lobbyView.filter
  roomsAskedMs = performance.now()
  const wanted = JSON.stringify([filter, open])
  if (watched !== wanted) {
    watched = wanted
    connection.send({ type: 'watch-rooms', filter, open }) // answered by the first page
    if (from === 0) return
  }
  connection.send({ type: 'rooms', from, filter, open })
}

/** What the page asks for by itself, while somebody looks at the lobby. */
function tend() {
  if (
    connection.status.kind !== 'on' ||
    state.room !== undefined ||
    document.visibilityState === 'hidden'
  )
    return
  const nowMs = performance.now()
  if (state.queue !== undefined && nowMs - queueAskedMs >= ASK_FOR_QUEUE_MS) {
    queueAskedMs = nowMs
    // It keeps its place: in the queue of its game, since another one would be a change of mind.
    connection.send({ type: 'queue', game: state.queue.game })
  }
  if (nowMs - peopleAskedMs >= ASK_FOR_PEOPLE_MS) actions.browsePeople(state.people?.from ?? 0)
  const { rooms } = state
  if (watched === undefined) browseRooms(0)
  else if (rooms?.isStale && nowMs - roomsAskedMs >= ASK_FOR_ROOMS_MS) {
    const isPastEnd = rooms.from > 0 && rooms.shown.length === 0
    browseRooms(isPastEnd ? 0 : rooms.from)
  }
}

// ---- What is shown ----

/** @returns {Screen} */
function screenOf() {
  const { room, me } = state
  if (me === undefined) {
    // Coming back after a reload: the sign-in form would only flash up.
    const { status } = connection
    return status.kind === 'waiting' || (status.kind === 'connecting' && status.isReturn)
      ? 'loading'
      : 'sign-in'
  }
  if (room === undefined) return 'lobby'
  if (room.match !== undefined) return 'match'
  return room.result === undefined ? 'room' : 'result'
}

/** @param {LimitsInfo | undefined} limits */
function applyLimits(limits) {
  if (limits === undefined || limits === appliedLimits) return
  appliedLimits = limits
  const { maxNameChars, maxPasswordChars, maxTextChars } = limits
  for (const id of ['name', 'create-name', 'filter-text'])
    limitChars(theOne(id, HTMLInputElement), maxNameChars)
  for (const id of ['create-password', 'password'])
    limitChars(theOne(id, HTMLInputElement), maxPasswordChars)
  for (const chat of [lobbyChat, roomChat]) chat.limit(maxTextChars)
}

function renderNow() {
  applyLimits(connection.limits)
  const { status, latencyMs, limits, games } = connection
  const view = { state, status, latencyMs, limits, games, nowMs: performance.now() }
  const before = screen
  screen = screenOf()
  document.body.dataset.screen = screen
  show(byId('sign-in'), screen === 'sign-in')
  show(byId('lobby'), screen === 'lobby')
  show(byId('room'), screen === 'room' || screen === 'match' || screen === 'result')
  renderFrame(view)
  if (screen === 'sign-in') signInView.render(view)
  if (screen === 'lobby') {
    lobbyView.render(view)
    standingView.render(view)
    lobbyChat.render(state.lobbyLines, state.me)
    lobbyTabs.render(state.lobbyLines)
  }
  if (state.room !== undefined) {
    roomView.render(view)
    gameView.render(view)
    roomChat.render(state.roomLines, state.me)
    roomTabs.render(state.roomLines)
  }
  if (screen !== before) onScreen(before)
  keepFocus()
}

/** Header, banners and notices. @param {View} view */
function renderFrame({ status, latencyMs, nowMs }) {
  show(byId('own-name'), state.me !== undefined)
  setName(part(byId('own-name'), 'name'), state.me ?? '')
  show(byId('sign-out'), state.me !== undefined)
  show(byId('latency'), status.kind === 'on' && latencyMs !== undefined)
  setText(
    part(byId('latency'), 'text'),
    latencyMs === undefined ? '' : `${Math.round(latencyMs)} ms`
  )

  const ofStatus = wordsOfStatus(status, nowMs)
  const trouble = connection.troubleAt(nowMs)
  const words = ofStatus === '' && trouble !== undefined ? wordsOfTrouble(trouble) : ofStatus
  show(byId('connection'), words !== '')
  setText(part(byId('connection'), 'text'), words)
  show(part(byId('connection'), 'retry'), status.kind === 'waiting')
  // What cannot be done now should not look as if it could.
  const main = /** @type {HTMLElement} */ (document.querySelector('main'))
  main.inert = ofStatus !== ''

  const { closesAtMs } = state
  show(byId('closing'), closesAtMs !== undefined && words === '')
  if (closesAtMs !== undefined) {
    const seconds = secondsUntil(closesAtMs, nowMs)
    const when = seconds === 0 ? 'in a moment' : `within ${seconds} s`
    setText(
      part(byId('closing'), 'text'),
      `The server shuts down ${when}. Running matches can finish; no new ones start.`
    )
  }
  notices.render(state.notice)
}

/** Another screen: moves the focus along. @param {Screen} before */
function onScreen(before) {
  if (screen === 'sign-in') signInView.enter(lastName, invitation)
  if (screen === 'match') {
    roomTabs.select('game')
    gameView.focus()
  }
  if (screen === 'room' || screen === 'result') {
    if (before !== 'match') roomTabs.select('game')
    roomView.focus()
  }
  if (screen === 'lobby') lobbyTabs.select('rooms')
  document.title = state.room === undefined ? 'The lobby' : `${state.room.name} – the lobby`
  window.scrollTo(0, 0)
}
