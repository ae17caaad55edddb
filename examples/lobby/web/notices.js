// @ts-check
// Short messages at the edge of the page that disappear by themselves.
import { fromTemplate, part, setText } from './dom.js'

/** Long enough to read two lines. */
const SHOWN_MS = 6_000
const MOST_NOTICES = 3

export class Notices {
  #list
  #lastId = 0

  /** @param {HTMLElement} list */
  constructor(list) {
    list.role = 'list' // as KeyedList says
    this.#list = list
  }

  /** @param {{ id: number, text: string, isBad: boolean } | undefined} notice The last one. */
  render(notice) {
    if (notice === undefined) {
      this.#lastId = 0
      return
    }
    if (notice.id === this.#lastId) return
    this.#lastId = notice.id
    const element = fromTemplate('notice')
    element.classList.toggle('bad', notice.isBad)
    setText(part(element, 'text'), notice.text)
    this.#list.append(element)
    if (this.#list.childElementCount > MOST_NOTICES) this.#list.firstElementChild?.remove()
    setTimeout(() => element.remove(), SHOWN_MS)
  }
}
