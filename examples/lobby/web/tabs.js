// @ts-check
// On a small screen a section shows one of its parts at a time; on a large one style.css shows them
// all and hides the tabs.
import { setAttribute, setText, show } from './dom.js'

/** @typedef {import('./state.js').Line} Line */

export class Tabs {
  #section
  #buttons
  #readId = 0
  #unread = 0

  /** @param {HTMLElement} section */
  constructor(section) {
    this.#section = section
    this.#buttons = [...section.querySelectorAll('.tabs button')].filter(
      (button) => button instanceof HTMLElement
    )
    for (const button of this.#buttons) {
      button.addEventListener('click', () => this.select(button.dataset.tab ?? ''))
    }
    this.#mark()
  }

  /** @param {string} tab */
  select(tab) {
    this.#section.dataset.tab = tab
    if (tab === 'chat') this.#unread = 0
    this.#mark()
  }

  /** How much was said while the chat was not to be seen. @param {readonly Line[]} lines */
  render(lines) {
    const lastId = lines.at(-1)?.id ?? 0
    if (lastId === this.#readId) return
    if (this.#section.dataset.tab !== 'chat') {
      this.#unread += lines.filter(({ id, from }) => id > this.#readId && from !== undefined).length
    }
    this.#readId = lastId
    this.#mark()
  }

  #mark() {
    for (const button of this.#buttons) {
      const isCurrent = button.dataset.tab === this.#section.dataset.tab
      setAttribute(button, 'aria-current', isCurrent ? 'true' : undefined)
      const unread = button.querySelector('.unread')
      if (!(unread instanceof HTMLElement)) continue
      show(unread, this.#unread > 0)
      setText(unread, this.#unread > 99 ? '99+' : String(this.#unread))
    }
  }
}
