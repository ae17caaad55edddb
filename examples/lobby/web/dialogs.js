// @ts-check
// The dialogs: create a room, enter a room's password, confirm an action. A dialog stays open until
// the server has accepted the request, and shows its refusal.
import { byId, part, setText, show, theOne } from './dom.js'
import { GameChoice } from './game-choice.js'

/** @typedef {import('../wire/protocol.ts').Request} Request */

/** A room may have more; these are chosen at first. */
const USUAL_SEATS = 8

export class Dialogs {
  #create = theOne('create-dialog', HTMLDialogElement)
  #game = new GameChoice(theOne('create-game', HTMLSelectElement))
  #password = theOne('password-dialog', HTMLDialogElement)
  #confirm = theOne('confirm-dialog', HTMLDialogElement)
  /** @type {(password: string) => void} */
  #onPassword = () => {}
  /** @type {() => void} */
  #onYes = () => {}
  #capacity
  /** @type {import('../wire/protocol.ts').LimitsInfo | undefined} */
  #limits
  /** Of which game the seats were chosen. @type {string | undefined} */
  #seatsOf

  /** @param {(request: Extract<Request, { type: 'create' }>) => void} create */
  constructor(create) {
    const name = theOne('create-name', HTMLInputElement)
    const capacity = theOne('create-capacity', HTMLInputElement)
    const createPassword = theOne('create-password', HTMLInputElement)
    const password = theOne('password', HTMLInputElement)
    this.#capacity = capacity
    capacity.addEventListener('input', () => setText(byId('create-seats'), capacity.value))
    byId('create-game').addEventListener('change', () => this.#fitSeats())
    for (const dialog of [this.#create, this.#password, this.#confirm]) {
      part(dialog, 'cancel').addEventListener('click', () => dialog.close())
      dialog.addEventListener('click', (event) => {
        if (event.target === dialog) dialog.close() // beside it
      })
    }
    onSubmit(this.#create, () => {
      if (name.value.trim() === '') return name.focus()
      const isPrivate = this.#create.querySelector('input[value="private"]:checked') !== null
      create({
        type: 'create',
        room: name.value.trim(),
        capacity: Number(capacity.value),
        private: isPrivate,
        game: this.#game.game?.name,
        ...(createPassword.value === '' ? {} : { password: createPassword.value })
      })
    })
    onSubmit(this.#password, () => {
      if (password.value === '') password.focus()
      else this.#onPassword(password.value)
    })
    onSubmit(this.#confirm, () => {
      this.#confirm.close()
      this.#onYes()
    })
  }

  /** As many as the game has. */
  #fitSeats() {
    const { maxRoomPlayers = USUAL_SEATS, minMatchPlayers = 2 } = this.#limits ?? {}
    const { name, least = 2, most = USUAL_SEATS } = this.#game.game ?? {}
    this.#capacity.min = String(Math.max(least, minMatchPlayers))
    this.#capacity.max = String(Math.min(most, maxRoomPlayers))
    if (this.#seatsOf !== name) this.#capacity.value = String(Math.min(USUAL_SEATS, most))
    this.#seatsOf = name // what the player has chosen stays as long as the game does
    setText(byId('create-seats'), this.#capacity.value)
  }

  /**
   * @param {string} name A first idea.
   * @param {readonly import('../wire/protocol.ts').GameInfo[]} games
   * @param {import('../wire/protocol.ts').LimitsInfo | undefined} limits
   */
  askForRoom(name, games, limits) {
    this.#limits = limits
    this.#game.render(games)
    this.#fitSeats()
    const input = theOne('create-name', HTMLInputElement)
    if (input.value === '') input.value = name
    open(this.#create)
    input.select()
  }

  /** @param {string} room @param {(password: string) => void} then */
  askForPassword(room, then) {
    this.#onPassword = then
    setText(part(this.#password, 'room'), room)
    theOne('password', HTMLInputElement).value = ''
    open(this.#password)
  }

  /** @param {{ title: string, text: string, yes: string }} words @param {() => void} then */
  confirm({ title, text, yes }, then) {
    this.#onYes = then
    setText(byId('confirm-title'), title)
    setText(part(this.#confirm, 'text'), text)
    setText(part(this.#confirm, 'yes'), yes)
    if (!this.#confirm.open) this.#confirm.showModal()
  }

  /**
   * What the server has against the answer. Returns whether there was a dialog to show it. @param
   * {string} words
   */
  refuse(words) {
    const dialog = [this.#create, this.#password].find(({ open }) => open)
    if (dialog === undefined) return false
    const reason = part(dialog, 'reason')
    setText(reason, words)
    show(reason, true)
    return true
  }

  closeAll() {
    for (const dialog of [this.#create, this.#password, this.#confirm]) dialog.close()
  }
}

/** @param {HTMLDialogElement} dialog */
function open(dialog) {
  show(part(dialog, 'reason'), false)
  if (!dialog.open) dialog.showModal()
}

/**
 * It closes when the server has said yes, and not by itself. @param {HTMLDialogElement} dialog
 * @param {() => void} then
 */
function onSubmit(dialog, then) {
  dialog.addEventListener('submit', (event) => {
    event.preventDefault()
    then()
  })
}
