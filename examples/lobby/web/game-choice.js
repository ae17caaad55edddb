// @ts-check
// Which game: a list to choose from, which is only shown where there is more than one.
import { show } from './dom.js'

/** @typedef {import('../wire/protocol.ts').GameInfo} GameInfo */

export class GameChoice {
  #select
  /** @type {readonly GameInfo[]} */
  #games = []

  /** @param {HTMLSelectElement} select In a label, which is hidden with it. */
  constructor(select) {
    this.#select = select
  }

  /** @param {readonly GameInfo[]} games */
  render(games) {
    if (games === this.#games) return
    this.#games = games
    const before = this.#select.value
    this.#select.replaceChildren(...games.map(({ name, title }) => new Option(title, name)))
    if (games.some(({ name }) => name === before)) this.#select.value = before
    const label = this.#select.closest('label')
    if (label !== null) show(label, games.length > 1)
  }

  /** Undefined before the server has said what there is. @returns {GameInfo | undefined} */
  get game() {
    return this.#games.find(({ name }) => name === this.#select.value) ?? this.#games[0]
  }
}
