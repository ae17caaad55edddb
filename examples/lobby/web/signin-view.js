// @ts-check
// The sign-in form, and why the player was signed out.
import { byId, part, setText, show, theOne } from './dom.js'
import { wordsOfEnd } from './words.js'

/** @typedef {import('./main.js').View} View */
/** @typedef {import('./main.js').Actions} Actions */

export class SignInView {
  #root = byId('sign-in')
  #reason = byId('sign-in-reason')
  #name = theOne('name', HTMLInputElement)
  #button = theOne('enter', HTMLButtonElement)
  #wasConnecting = false

  /** @param {Actions} actions */
  constructor(actions) {
    byId('sign-in-form').addEventListener('submit', (event) => {
      event.preventDefault()
      const name = this.#name.value.trim()
      if (name === '') this.#name.focus()
      else actions.signIn(name)
    })
  }

  /** @param {View} view */
  render({ status }) {
    const isConnecting = status.kind === 'connecting'
    this.#button.disabled = isConnecting
    setText(this.#button, isConnecting ? 'One moment …' : 'Enter the lobby')
    // A refused name is to be changed
    if (this.#wasConnecting && status.kind === 'off') this.#name.focus()
    this.#wasConnecting = isConnecting
    const words = status.kind === 'off' ? wordsOfEnd(status.reason, status.message) : ''
    show(this.#reason, words !== '')
    setText(this.#reason, words)
  }

  /**
   * Shows the form. @param {string | undefined} name By which they were known before.
   * @param {string | undefined} room To which a link invites.
   */
  enter(name, room) {
    show(byId('invited'), room !== undefined)
    setText(part(byId('invited'), 'room'), room ?? '')
    if (name !== undefined && this.#name.value === '') this.#name.value = name
    if (!this.#root.hidden) this.#name.focus()
  }
}
