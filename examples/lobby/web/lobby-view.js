// @ts-check
// The lobby: a quick match, a room of one's own, the list of rooms, and who is here.
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
import { GameChoice } from './game-choice.js'
import { clock, counted, places } from './words.js'

/** @typedef {import('./main.js').View} View */
/** @typedef {import('./main.js').Actions} Actions */
/** @typedef {import('./state.js').RoomInfo} RoomInfo */
/** @typedef {import('./state.js').RoomPage} RoomPage */
/** @typedef {import('./state.js').Presence} Presence */

/** More seats than these show as a number alone. */
const MOST_PIPS = 8
/** Others may come at once: the hint that nobody does comes after so long. */
const ALONE_MS = 2_000
/** While you type, the page does not ask for the list with each letter. */
const TYPING_PAUSE_MS = 200

export class LobbyView {
  #actions
  #filterText = theOne('filter-text', HTMLInputElement)
  #filterOpen = theOne('filter-open', HTMLInputElement)
  /** @type {RoomPage | undefined} */
  #page
  /** @type {readonly import('../wire/protocol.ts').GameInfo[]} */
  #games = []
  /** @type {KeyedList<RoomInfo>} */
  #rooms
  /** @type {KeyedList<{ name: string, where: Presence }>} */
  #people
  #game = new GameChoice(theOne('queue-game', HTMLSelectElement))
  #roomPager
  #peoplePager

  /** @param {Actions} actions */
  constructor(actions) {
    this.#actions = actions
    byId('queue').addEventListener('click', () =>
      actions.send({ type: 'queue', game: this.#game.game?.name })
    )
    byId('unqueue').addEventListener('click', () => actions.send({ type: 'unqueue' }))
    byId('practice').addEventListener('click', () =>
      actions.send({ type: 'practice', game: this.#game.game?.name })
    )
    byId('open-create').addEventListener('click', () => actions.askForRoom())
    const code = theOne('code', HTMLInputElement)
    byId('join-by-code').addEventListener('submit', (event) => {
      event.preventDefault()
      // Codes are written in capitals. Anything else is the name of a room.
      const text = code.value.trim()
      if (text !== '') actions.enterRoom(/^[a-z0-9]{8}$/i.test(text) ? text.toUpperCase() : text)
      code.value = ''
    })

    let pause = 0
    this.#filterText.addEventListener('input', () => {
      clearTimeout(pause)
      pause = window.setTimeout(() => this.#tellFilter(), TYPING_PAUSE_MS)
    })
    this.#filterOpen.addEventListener('change', () => this.#tellFilter())
    byId('filter').addEventListener('submit', (event) => {
      event.preventDefault()
      this.#tellFilter()
    })

    this.#rooms = new KeyedList(
      byId('room-list'),
      ({ name }) => name,
      this.#makeRoom.bind(this),
      (element, room) => {
        updateRoom(element, room)
        this.#showGame(element, room)
      }
    )
    this.#people = new KeyedList(byId('people'), ({ name }) => name, makePerson, updatePerson)
    this.#roomPager = new Pager(byId('room-pager'), (from) => actions.browseRooms(from))
    this.#peoplePager = new Pager(byId('people-pager'), (from) => actions.browsePeople(from))
  }

  /** @param {View} view */
  render({ state, nowMs, games }) {
    const { queue, rooms, people } = state
    this.#game.render(games)
    show(byId('not-queued'), queue === undefined)
    show(byId('queued'), queue !== undefined)
    if (queue !== undefined) {
      const root = byId('queued')
      const title = games.find(({ name }) => name === queue.game)?.title
      const what = games.length > 1 && title !== undefined ? ` of ${title}` : ''
      setText(part(root, 'words'), `Looking for players${what} …`)
      setText(part(root, 'clock'), clock((nowMs - queue.sinceMs) / 1000))
      setText(
        part(root, 'count'),
        queue.players === 1 ? 'first in line' : `${queue.players} in line`
      )
      show(byId('alone'), queue.players === 1 && nowMs - queue.sinceMs > ALONE_MS)
      setText(part(root, 'skill'), String(Math.round(queue.skill)))
    }

    if (rooms !== this.#page) {
      this.#page = rooms
      this.#games = games
      this.#rooms.render(rooms?.shown ?? [])
      setText(byId('room-count'), rooms === undefined ? '' : String(rooms.total))
      const isEmpty = rooms !== undefined && rooms.shown.length === 0
      show(byId('no-rooms'), isEmpty)
      if (isEmpty) setText(part(byId('no-rooms'), 'text'), this.#wordsOfNoRooms())
      this.#roomPager.render(rooms, rooms?.pageRooms ?? 0)
    }
    if (people !== undefined) {
      this.#people.render(people.shown)
      setText(byId('people-count'), String(people.total))
      this.#peoplePager.render(people, people.shown.length)
    }
  }

  /** The filter as it stands in the form. */
  get filter() {
    return { filter: this.#filterText.value.trim(), open: this.#filterOpen.checked }
  }

  #tellFilter() {
    this.#actions.browseRooms(0)
  }

  #wordsOfNoRooms() {
    const { filter, open } = this.filter
    if (filter !== '')
      return `No room${open ? ' with a free seat' : ''} has “${filter}” in its name.`
    if (open) return 'No room has a free seat right now.'
    return 'There are no rooms yet. Create one, or find a quick match.'
  }

  /** Where there is more than one. @param {HTMLElement} element @param {RoomInfo} room */
  #showGame(element, { game }) {
    const title = this.#games.find(({ name }) => name === game)?.title
    show(part(element, 'game'), this.#games.length > 1 && title !== undefined)
    setText(part(element, 'game'), title ?? '')
  }

  /** @param {RoomInfo} room */
  #makeRoom(room) {
    const element = fromTemplate('room-row')
    const { name } = room
    setName(part(element, 'name'), name)
    element.dataset.name = name
    const join = part(element, 'join')
    const watch = part(element, 'watch')
    watch.setAttribute('aria-label', `Watch ${name}`)
    join.addEventListener('click', () => this.#enter(name, false))
    watch.addEventListener('click', () => this.#enter(name, true))
    return element
  }

  /** @param {string} name @param {boolean} toWatch */
  #enter(name, toWatch) {
    const room = this.#page?.shown.find((shown) => shown.name === name)
    this.#actions.enterRoom(name, { toWatch, hasPassword: room?.hasPassword })
  }
}

/** @param {HTMLElement} element @param {RoomInfo} room */
function updateRoom(element, { players, capacity, spectators, isPlaying, hasPassword }) {
  element.classList.toggle('locked', hasPassword)
  show(part(element, 'playing'), isPlaying)
  show(part(element, 'watching'), spectators > 0)
  setText(part(element, 'spectators'), String(spectators))
  setAttribute(part(element, 'watching'), 'title', `${counted(spectators, 'spectator')}`)
  const pips = part(element, 'seats')
  show(pips, capacity <= MOST_PIPS)
  if (capacity <= MOST_PIPS && pips.dataset.shown !== `${players}/${capacity}`) {
    pips.dataset.shown = `${players}/${capacity}`
    pips.replaceChildren(...Array.from({ length: capacity }, (_, at) => makePip(at < players)))
  }
  setText(part(element, 'players'), `${players}/${capacity}`)
  setAttribute(part(element, 'players'), 'aria-label', `${players} of ${capacity} seats taken`)
  const isFull = players >= capacity
  const join = part(element, 'join')
  if (join instanceof HTMLButtonElement) join.disabled = isPlaying || isFull
  setText(join, isFull ? 'Full' : 'Join')
  const { name } = element.dataset
  setAttribute(join, 'aria-label', isFull ? `Full: ${name}` : `Join ${name}`)
}

/** @param {boolean} isTaken */
function makePip(isTaken) {
  const pip = document.createElement('i')
  if (isTaken) pip.className = 'taken'
  return pip
}

/** @param {{ name: string, where: Presence }} person */
function makePerson({ name }) {
  const element = fromTemplate('person-row')
  setName(part(element, 'name'), name)
  return element
}

/** @param {HTMLElement} element @param {{ name: string, where: Presence }} person */
function updatePerson(element, { where }) {
  setAttribute(element, 'data-where', where)
  setText(part(element, 'where'), places[where])
}

/** "Back", "More", and where one is between them. */
class Pager {
  #root
  #onFrom = 0
  #backFrom = 0

  /** @param {HTMLElement} root @param {(from: number) => void} browse */
  constructor(root, browse) {
    this.#root = root
    part(root, 'back').addEventListener('click', () => browse(this.#backFrom))
    part(root, 'on').addEventListener('click', () => browse(this.#onFrom))
  }

  /**
   * @param {{ shown: unknown[], from: number, total: number } | undefined} page @param {number}
   *   pageSize
   */
  render(page, pageSize) {
    const { shown, from, total } = page ?? { shown: [], from: 0, total: 0 }
    show(this.#root, from > 0 || shown.length < total)
    this.#onFrom = from + shown.length
    this.#backFrom = Math.max(0, from - Math.max(pageSize, 1))
    setText(part(this.#root, 'text'), `${Math.min(from + 1, total)}–${this.#onFrom} of ${total}`)
    setDisabled(part(this.#root, 'back'), from === 0)
    setDisabled(part(this.#root, 'on'), this.#onFrom >= total)
  }
}

/** @param {HTMLElement} element @param {boolean} isDisabled */
function setDisabled(element, isDisabled) {
  if (element instanceof HTMLButtonElement) element.disabled = isDisabled
}
