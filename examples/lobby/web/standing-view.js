// @ts-check
// Who is best, and how one's own matches went: a dialog that asks when it is opened.
import { byId, fromTemplate, part, setName, setText, show, theOne } from './dom.js'
import { counted } from './words.js'

/** @typedef {import('./main.js').View} View */
/** @typedef {import('./main.js').Actions} Actions */
/** @typedef {import('./state.js').Leaders} Leaders */
/** @typedef {import('./state.js').PlayedMatch} PlayedMatch */

const dates = new Intl.DateTimeFormat('en', {
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  hour12: false
})

export class StandingView {
  #dialog = theOne('standing-dialog', HTMLDialogElement)
  /** @type {Leaders | undefined} */
  #leaders
  /** @type {readonly PlayedMatch[] | undefined} */
  #history

  /** @param {Actions} actions */
  constructor(actions) {
    byId('open-standing').addEventListener('click', () => {
      actions.send({ type: 'leaders' })
      actions.send({ type: 'history' })
      this.#dialog.showModal()
    })
    part(this.#dialog, 'close').addEventListener('click', () => this.#dialog.close())
    this.#dialog.addEventListener('click', (event) => {
      if (event.target === this.#dialog) this.#dialog.close() // beside it
    })
  }

  close() {
    this.#dialog.close()
  }

  /** @param {View} view */
  render({ state: { me, leaders, history } }) {
    if (leaders !== this.#leaders) this.#showLeaders(leaders, me)
    if (history !== this.#history) this.#showHistory(history)
    this.#leaders = leaders
    this.#history = history
  }

  /** @param {Leaders | undefined} answer @param {string | undefined} me */
  #showLeaders(answer, me) {
    const { leaders, skill, players } = answer ?? { leaders: [], skill: 0, players: 0 }
    const rows = leaders.map(({ name, skill }, at) => {
      const row = fromTemplate('leader-row')
      setText(part(row, 'place'), String(at + 1))
      setName(part(row, 'name'), name)
      setText(part(row, 'skill'), String(Math.round(skill)))
      row.classList.toggle('own', name === me)
      return row
    })
    byId('leaders').replaceChildren(...rows)
    show(byId('leaders-table'), leaders.length > 0)
    setText(
      byId('leaders-note'),
      leaders.length === 0
        ? 'Nobody has finished a rated match yet.'
        : `Of ${counted(players, 'player')}. Your skill is ${Math.round(skill)}.`
    )
  }

  /** @param {readonly PlayedMatch[] | undefined} matches */
  #showHistory(matches = []) {
    const rows = matches.map(({ endedAtMs, room, players, score, won, skill }) => {
      const row = fromTemplate('history-row')
      setText(part(row, 'when'), dates.format(endedAtMs))
      setName(part(row, 'room'), room)
      setText(part(row, 'players'), String(players))
      setText(part(row, 'score'), String(score))
      setText(part(row, 'won'), won ? 'won' : '–')
      setText(part(row, 'skill'), String(Math.round(skill)))
      row.classList.toggle('winner', won)
      return row
    })
    byId('history').replaceChildren(...rows)
    show(byId('history-table'), rows.length > 0)
    show(byId('no-history'), rows.length === 0)
  }
}
