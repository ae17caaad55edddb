// @ts-check
// The table of rooms: a page of them, and below each one that was opened who is in it.
import { actionButton, askFor } from './actions.js'
import { byId, make, nameOf, setChildren, setText } from './dom.js'
import { count, duration } from './format.js'
import { Pager } from './pager.js'

/** @typedef {import('../rules/details.ts').RoomPage} RoomPage */
/** @typedef {import('../rules/details.ts').RoomDetail} RoomDetail */

/** A room's row, and the one below it that opens. */
class RoomRow {
  #button = make('button', { class: 'opener' })
  #seats = make('td', { class: 'number' })
  #spectators = make('td', { class: 'number' })
  #state = make('td')
  #inside = make('td')
  #people = make('div')
  isOpen = false
  row = make('tr', {}, make('th', {}, this.#button), this.#seats, this.#spectators, this.#state)
  detail = make('tr', { class: 'detail' }, this.#inside)

  /** @param {string} name @param {string} id */
  constructor(name, id) {
    this.#button.append(nameOf(name))
    this.#button.type = 'button'
    this.#button.setAttribute('aria-controls', id)
    this.detail.id = id
    this.#inside.colSpan = 4
    const close = actionButton('Close room', `Close room ${name}`)
    close.addEventListener('click', () =>
      askFor({
        path: 'close-room',
        title: `Close the room ${name}?`,
        explains: 'Everybody in it is in the lobby again. A match that runs has no result.',
        text: { label: 'Reason, which the players read', field: 'reason', isNeeded: false },
        yes: 'Close room',
        request: { room: name }
      })
    )
    this.#inside.append(this.#people, make('p', {}, close))
    this.#button.addEventListener('click', () => this.#open(!this.isOpen))
    this.#open(false)
  }

  /** @param {boolean} isOpen */
  #open(isOpen) {
    this.isOpen = isOpen
    this.#button.setAttribute('aria-expanded', String(isOpen))
    this.detail.hidden = !isOpen
  }

  /** @param {RoomDetail} room */
  show(room) {
    setText(this.#seats, `${room.players.length} / ${room.capacity}`)
    setText(this.#spectators, room.spectators.length === 0 ? '' : count(room.spectators.length))
    const readyCount = room.players.filter(({ ready }) => ready).length
    const tags = [
      room.match
        ? make('span', { class: 'tag good', text: wordsOfMatch(room.match.endsInMs) })
        : make('span', { class: 'tag', text: `${count(readyCount)} ready` })
    ]
    if (room.isPrivate) tags.push(make('span', { class: 'tag', text: 'private' }))
    if (room.hasPassword) tags.push(make('span', { class: 'tag', text: 'password' }))
    this.#state.replaceChildren(...tags)
    this.#people.replaceChildren(...insideOf(room))
  }
}

/** @param {number | undefined} endsInMs Undefined: no clock ends it. */
function wordsOfMatch(endsInMs) {
  return endsInMs === undefined ? 'match' : `match, ${duration(Math.max(0, endsInMs))} left`
}

/** @param {RoomDetail} room */
function insideOf({ players, spectators, match }) {
  const scores = new Map(match?.scores.map(({ name, score }) => [name, score]))
  const most = Math.max(1, ...scores.values())
  const lines = players.map(({ name, away, ready }) => {
    const score = scores.get(name)
    const bar = make('meter')
    bar.max = most
    bar.value = score ?? 0
    const state = away
      ? make('span', { class: 'tag bad', text: 'away' })
      : ready && !match && make('span', { class: 'tag good', text: 'ready' })
    const cells = [make('td', {}, nameOf(name)), make('td', {}, ...(state ? [state] : []))]
    if (score !== undefined)
      cells.push(make('td', {}, bar), make('td', { class: 'number', text: count(score) }))
    return make('tr', {}, ...cells)
  })
  const gone = [...scores].filter(([name]) => !players.some((player) => player.name === name))
  /** @type {HTMLElement[]} */
  const parts = [make('table', { class: 'players' }, make('tbody', {}, ...lines))]
  if (gone.length > 0)
    parts.push(
      listOf(
        'Gone',
        gone.map(([name]) => name)
      )
    )
  if (spectators.length > 0) parts.push(listOf('Watching', spectators))
  if (match)
    parts.push(
      make('p', { class: 'note', text: `Match ${count(match.number)}, tick ${count(match.tick)}` })
    )
  return players.length === 0
    ? [make('p', { class: 'note', text: 'The room is empty.' }), ...parts.slice(1)]
    : parts
}

/** @param {string} title @param {string[]} names */
function listOf(title, names) {
  const words = names.flatMap((name, at) => (at === 0 ? [nameOf(name)] : [', ', nameOf(name)]))
  return make('p', { class: 'note' }, `${title}: `, ...words)
}

/** Asks for a page of rooms on each refresh(), and shows it. */
export class Rooms {
  #ask
  #pager = new Pager('rooms', () => this.refresh())
  /** @type {Map<string, RoomRow>} */
  #rows = new Map()
  #made = 0

  /** @param {(path: string) => Promise<any>} ask */
  constructor(ask) {
    this.#ask = ask
  }

  /** @returns {Promise<void>} */
  async refresh() {
    const { from } = this.#pager
    /** @type {RoomPage} */
    const page = await this.#ask(`rooms?from=${from}`)
    if (from !== this.#pager.from) return // somebody has turned the page meanwhile
    if (!this.#pager.show(page.rooms.length, page.total)) return await this.refresh()
    this.#show(page)
  }

  /** @param {RoomPage} page */
  #show({ rooms, total }) {
    const rows = new Map(
      rooms.map((room) => [
        room.name,
        this.#rows.get(room.name) ?? new RoomRow(room.name, `room-${++this.#made}`)
      ])
    )
    for (const room of rooms) rows.get(room.name)?.show(room)
    this.#rows = rows
    setChildren(
      byId('rooms'),
      [...rows.values()].flatMap(({ row, detail }) => [row, detail])
    )
    byId('no-rooms').hidden = total > 0
  }
}
