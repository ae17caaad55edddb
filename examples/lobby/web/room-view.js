// @ts-check
// A room between two matches: its seats, its spectators, the ready button and the countdown, and
// how the last match went.
import {
  byId,
  fromTemplate,
  KeyedList,
  part,
  setAttribute,
  setName,
  setText,
  show,
  theOne
} from './dom.js'
import { isHost, ownSeat, playersOf } from './state.js'
import { listed, secondsUntil } from './words.js'

/** @typedef {import('./main.js').View} View */
/** @typedef {import('./main.js').Actions} Actions */
/** @typedef {import('./state.js').MemberInfo} MemberInfo */
/** @typedef {import('./state.js').RoomView} Room */
/** @typedef {import('./state.js').Result} Result */
/** @typedef {import('./state.js').Standing} Standing */

/** There are as many colours; the next players have them again. */
const SEAT_COLOURS = 8
/** A room may have many more seats; so many free ones are enough to see. */
const MOST_FREE_SEATS = 8
const COPIED_MS = 2_000

export class RoomView {
  #actions
  #moduleOf
  /** Whose rules are shown. @type {string | undefined} */
  #gameShown
  /** @type {KeyedList<{ member: MemberInfo | undefined, at: number }>} */
  #seats
  /** @type {KeyedList<MemberInfo>} */
  #spectators
  /** @type {KeyedList<Standing>} */
  #standings
  #ready = theOne('ready', HTMLButtonElement)
  #code = part(byId('room-code'), 'code')
  #amReady = false
  /** @type {string | undefined} */
  #me
  #amHost = false
  #hostName = ''

  /**
   * @param {Actions} actions
   * @param {(game: string) => import('./game-page.js').GameModule | undefined} moduleOf
   */
  constructor(actions, moduleOf) {
    this.#actions = actions
    this.#moduleOf = moduleOf
    this.#ready.addEventListener('click', () =>
      actions.send({ type: 'ready', ready: !this.#amReady })
    )
    byId('leave').addEventListener('click', () => actions.leave())
    byId('invite').addEventListener('click', () => actions.invite())
    byId('back-to-room').addEventListener('click', () => actions.dismissResult())
    this.#seats = new KeyedList(
      byId('seats'),
      ({ member, at }) => member?.name ?? at, // a name is no number: the two never meet
      ({ member }) => (member === undefined ? fromTemplate('free-seat') : this.#makeSeat(member)),
      (element, { member, at }) => this.#updateSeat(element, member, at)
    )
    this.#spectators = new KeyedList(
      byId('spectators'),
      ({ name }) => name,
      (member) => this.#makeSpectator(member),
      (element, member) => this.#updateSpectator(element, member)
    )
    this.#standings = new KeyedList(
      byId('standings'),
      ({ name }) => name,
      makeStanding,
      updateStanding
    )

    const copy = part(byId('room-code'), 'copy')
    show(copy, 'clipboard' in navigator) // not over plain HTTP from another machine
    copy.addEventListener('click', async () => {
      await navigator.clipboard.writeText(this.#code.textContent ?? '')
      setText(copy, 'Copied')
      setTimeout(() => setText(copy, 'Copy code'), COPIED_MS)
    })
  }

  /** @param {View} view */
  render({ state, nowMs, limits }) {
    const { room, me } = state
    if (room === undefined) return
    this.#me = me
    this.#hostName = room.host
    const seat = ownSeat(state)
    this.#amReady = seat?.ready ?? false
    setName(byId('room-name'), room.name)
    // With bots there is nobody to invite, and no host is needed.
    this.#amHost = isHost(state) && !room.isPractice
    show(byId('invite'), !room.isPractice)
    show(byId('room-code'), room.code !== undefined && !room.isPractice)
    setText(this.#code, room.code ?? '')

    this.#showGame(room.game)
    const goal = this.#moduleOf(room.game)?.goal?.(room.settings) ?? ''
    for (const id of ['goal', 'match-goal']) {
      setText(byId(id), goal)
      show(byId(id), goal !== '')
    }
    show(byId('seats-view'), room.match === undefined && room.result === undefined)
    show(byId('result-view'), room.match === undefined && room.result !== undefined)
    if (room.result !== undefined) this.#renderResult(room.result, room.match === undefined)

    const players = playersOf(room)
    const free = Math.min(Math.max(room.capacity - players.length, 0), MOST_FREE_SEATS)
    this.#seats.render([
      ...players.map((member, at) => ({ member, at })),
      ...Array.from({ length: free }, (_, at) => ({ member: undefined, at }))
    ])
    const spectators = room.members.filter(({ spectator }) => spectator)
    show(byId('audience'), spectators.length > 0)
    this.#spectators.render(spectators)

    show(this.#ready, seat !== undefined && !seat.spectator)
    this.#ready.classList.toggle('primary', !this.#amReady)
    setText(this.#ready, this.#amReady ? 'I am not ready' : 'I am ready')
    show(byId('countdown'), room.startsAtMs !== undefined)
    if (room.startsAtMs !== undefined) {
      setText(part(byId('countdown'), 'seconds'), String(secondsUntil(room.startsAtMs, nowMs)))
    }
    show(byId('ready-hint'), room.startsAtMs === undefined)
    setText(
      byId('ready-hint'),
      hintFor(room, players, seat, this.#amHost, limits?.minMatchPlayers ?? 2)
    )
  }

  /** @param {string} game */
  #showGame(game) {
    const module = this.#moduleOf(game)
    show(byId('how-to'), module !== undefined)
    if (module === undefined || this.#gameShown === game) return
    this.#gameShown = game
    byId('how-to').innerHTML = module.howTo // from the server, like the page itself
    setText(byId('score-word'), module.scoreWord ?? 'Score')
  }

  /** The room comes into sight, or the match is over: where the keyboard is. */
  focus() {
    const result = byId('result-view')
    const target = result.hidden
      ? this.#ready.hidden
        ? byId('room').querySelector('h1')
        : this.#ready
      : byId('back-to-room')
    if (target instanceof HTMLElement) target.focus({ preventScroll: true })
  }

  /** @param {MemberInfo} member */
  #makeSeat({ name }) {
    const element = fromTemplate('seat-card')
    setName(part(element, 'name'), name)
    setText(part(element, 'face'), firstLetter(name))
    this.#givePowers(element, name)
    const handOver = part(element, 'hand-over')
    handOver.setAttribute('aria-label', `Make ${name} the host`)
    handOver.addEventListener('click', () => this.#actions.handOver(name))
    return element
  }

  /** @param {HTMLElement} element @param {MemberInfo | undefined} member @param {number} at */
  #updateSeat(element, member, at) {
    if (member === undefined) return
    const { name, ready, away } = member
    setAttribute(element, 'data-colour', String(at % SEAT_COLOURS))
    element.classList.toggle('is-ready', ready)
    element.classList.toggle('is-away', away)
    show(part(element, 'you'), name === this.#me)
    show(part(element, 'host'), name === this.#hostName)
    show(part(element, 'ready'), ready)
    show(part(element, 'away'), away)
    show(part(element, 'idle'), !ready && !away)
    show(part(element, 'powers'), this.#amHost && name !== this.#me)
  }

  /** @param {MemberInfo} member */
  #makeSpectator({ name }) {
    const element = fromTemplate('spectator-chip')
    setName(part(element, 'name'), name)
    this.#givePowers(element, name)
    return element
  }

  /** @param {HTMLElement} element @param {MemberInfo} member */
  #updateSpectator(element, { name, away }) {
    element.classList.toggle('own', name === this.#me)
    show(part(element, 'away'), away)
    show(part(element, 'kick'), this.#amHost && name !== this.#me)
  }

  /** @param {HTMLElement} element @param {string} name */
  #givePowers(element, name) {
    const kick = part(element, 'kick')
    kick.setAttribute('aria-label', `Remove ${name}`)
    kick.addEventListener('click', () => this.#actions.kick(name))
  }

  /** @param {Result} result @param {boolean} isShown */
  #renderResult({ standings, winners, saved }, isShown) {
    if (!isShown) return
    const won = winners.length > 0 && winners.every((name) => name === this.#me)
    const title = won
      ? 'You win!'
      : winners.length === 0
        ? 'Nobody wins'
        : `${listed(winners)} ${winners.length === 1 ? 'wins' : 'win'}`
    setText(byId('result-title'), title)
    byId('result-view').classList.toggle(
      'won',
      winners.some((name) => name === this.#me)
    )
    this.#standings.render(standings)
    for (const [at, row] of [...byId('standings').children].entries())
      row.classList.toggle('own', standings[at].name === this.#me)
    show(byId('not-saved'), !saved)
  }
}

/**
 * What everybody is waiting for.
 * @param {Room} room
 * @param {MemberInfo[]} players
 * @param {MemberInfo | undefined} seat
 * @param {boolean} amHost
 * @param {number} least Players of a match.
 */
function hintFor({ code }, players, seat, amHost, least) {
  if (players.length < least) {
    const needs = `A match needs ${least === 2 ? 'two' : least} players`
    if (code !== undefined) return `${needs}. Invite a friend: press Invite, or tell them the code.`
    return amHost
      ? `${needs}. Others can find your room in the list, or you invite them.`
      : `${needs}: waiting for ${least - players.length === 1 ? 'one more' : 'more'}.`
  }
  const missing = players.filter(({ ready }) => !ready).map(({ name }) => name)
  if (missing.length === 0) return 'Everybody is ready.'
  if (seat !== undefined && !seat.spectator && !seat.ready)
    return 'The match starts when everybody is ready.'
  return missing.length > 3
    ? `Waiting for ${missing.length} players.`
    : `Waiting for ${listed(missing)}.`
}

/** @param {string} name */
export function firstLetter(name) {
  return [...name][0]?.toUpperCase() ?? ''
}

/** @param {Standing} standing */
function makeStanding({ name }) {
  const row = fromTemplate('standing-row')
  setName(part(row, 'name'), name)
  return row
}

/** @param {HTMLElement} row @param {Standing} standing */
function updateStanding(row, { score, skill, isWinner }) {
  row.classList.toggle('winner', isWinner)
  setText(part(row, 'score'), String(score))
  setText(part(row, 'skill'), skill === undefined ? '–' : String(Math.round(skill)))
}
