// @ts-check
// The buttons of a list that comes page by page, and where in it you are.
import { byId, setText } from './dom.js'
import { count } from './format.js'

export class Pager {
  /** The first entry of the page. */
  from = 0
  /** How many entries a page of the server has, as far as one was seen. */
  #pageSize = 1
  #whole
  #range
  #previous
  #next

  /**
   * @param {string} list index.html has `<list>-pager`, `-range`, `-previous` and `-next`
   * @param {() => Promise<void>} refresh asks for the page; when it fails, the next one reports it
   */
  constructor(list, refresh) {
    this.#whole = byId(`${list}-pager`)
    this.#range = byId(`${list}-range`)
    this.#previous = /** @type {HTMLButtonElement} */ (byId(`${list}-previous`))
    this.#next = /** @type {HTMLButtonElement} */ (byId(`${list}-next`))
    const turn = (/** @type {1 | -1} */ pages) => {
      this.from = Math.max(0, this.from + pages * this.#pageSize)
      refresh().catch(() => {})
    }
    this.#previous.addEventListener('click', () => turn(-1))
    this.#next.addEventListener('click', () => turn(1))
  }

  /**
   * What the server answered for `from`. False: all entries from there on are gone, and `from` is
   * now that of the last page; ask again.
   * @param {number} length
   * @param {number} total
   */
  show(length, total) {
    if (length === 0 && this.from > 0) {
      this.from = Math.max(0, Math.min(this.from, total) - this.#pageSize)
      return false
    }
    this.#pageSize = Math.max(this.#pageSize, length)
    this.#whole.hidden = total === 0
    const last = this.from + length
    setText(this.#range, `${count(this.from + 1)} – ${count(last)} of ${count(total)}`)
    this.#previous.disabled = this.from === 0
    this.#next.disabled = last >= total
    return true
  }
}
