// @ts-check
// A match on the page: loads the part of the page that belongs to its game, and passes on what
// concerns it. Knows no game.
import * as dom from './dom.js'
import { moveFocus } from './focus.js'
import { clock, secondsUntil } from './words.js'

/** @typedef {import('./main.js').View} View */
/** @typedef {import('./main.js').Actions} Actions */
/** @typedef {import('./game-page.js').GameModule} GameModule */
/** @typedef {import('./game-page.js').GamePage} GamePage */
/** @typedef {import('./game-page.js').Beginning} Beginning */
/** @typedef {import('../wire/protocol.ts').ServerMessage} ServerMessage */
/** @typedef {Extract<ServerMessage, { type: 'match-started' }>} Started */
/** @typedef {Extract<ServerMessage, { type: 'state' }>} State */
/** @typedef {{ module: GameModule, page: GamePage, root: HTMLElement, bar: HTMLElement }} Loaded */

const { byId, setText, show } = dom
/** The last seconds look urgent. */
const LAST_SECONDS = 5

export class GameView {
  #actions
  #onLoaded
  /** @type {Map<string, Loaded | 'loading'>} */
  #games = new Map()
  /** @type {(Beginning & { game: string }) | undefined} */
  #match
  /** The last one, for a part of the page that is still on its way. @type {State | undefined} */
  #state
  #seq = 0

  /**
   * @param {Actions} actions
   * @param {() => void} onLoaded Something is to be shown that was not.
   */
  constructor(actions, onLoaded) {
    this.#actions = actions
    this.#onLoaded = onLoaded
  }

  /**
   * So that it is there when the match begins. A game that has no page, or whose page is not to be
   * had, is shown as a line. @param {string} game
   */
  async load(game) {
    if (this.#games.has(game)) return
    this.#games.set(game, 'loading')
    try {
      const module = await import(`./games/${game}/page.js`)
      const root = makeElement('game')
      const bar = makeElement('game-bar')
      byId('games').append(root)
      byId('game-bars').append(bar)
      const page = new module.default({
        root,
        bar,
        play: (/** @type {object} */ input) => this.#play(input),
        focusChat: () => this.#actions.focusChat(),
        dom
      })
      this.#games.set(game, { module, page, root, bar })
      if (this.#match?.game === game) this.#begin(this.#match)
      if (this.#state !== undefined) this.onState(this.#state, performance.now())
    } catch (error) {
      this.#games.delete(game) // it is tried again in the next room
      console.error(error)
    }
    this.#onLoaded()
  }

  /** What is written about a game; undefined before it has been loaded. @param {string} game */
  moduleOf(game) {
    return this.#loaded(game)?.module
  }

  /**
   * A match starts, or runs already when you join or come back. @param {Started} message @param
   * {string | undefined} me
   */
  begin({ match: number, game, players }, me) {
    if (this.#match?.number !== number) {
      this.#seq = 0
      this.#state = undefined
    }
    this.#match = { number, game, players, own: me === undefined ? -1 : players.indexOf(me) }
    void this.load(game)
    this.#begin(this.#match)
  }

  end() {
    if (this.#match !== undefined) this.#loaded(this.#match.game)?.page.end()
    this.#match = undefined
    this.#state = undefined
  }

  /** @param {State} state @param {number} nowMs */
  onState(state, nowMs) {
    const match = this.#match
    if (match === undefined || state.match !== match.number) return
    this.#state = state
    const { tick, view } = state
    const seq = state.seqs[match.own] ?? 0
    // Who has reloaded the page goes on counting from there.
    this.#seq = Math.max(this.#seq, seq)
    this.#loaded(match.game)?.page.onState({ match: match.number, tick, seq, view }, nowMs)
  }

  /** @param {Extract<ServerMessage, { type: 'event' }>} message @param {number} nowMs */
  onEvent({ match: number, event }, nowMs) {
    const match = this.#match
    if (match?.number === number) this.#loaded(match.game)?.page.onEvent?.(event, nowMs)
  }

  /** @param {View} view */
  render({ state, latencyMs, nowMs }) {
    const running = state.room?.match
    const match = this.#match
    const isShown = running !== undefined && match !== undefined
    show(byId('match-view'), isShown)
    if (!isShown) return
    for (const [name, loaded] of this.#games) {
      if (loaded === 'loading') continue
      show(loaded.root, name === match.game)
      show(loaded.bar, name === match.game)
    }
    const { endsAtMs } = running
    const timeLeft = /** @type {HTMLElement} */ (byId('time-left').parentElement)
    show(timeLeft, endsAtMs !== undefined)
    if (endsAtMs !== undefined) {
      const seconds = secondsUntil(endsAtMs, nowMs)
      setText(byId('time-left'), clock(seconds))
      timeLeft.classList.toggle('last', seconds <= LAST_SECONDS)
    }
    this.#loaded(match.game)?.page.render?.({ latencyMs, nowMs })
  }

  /** To where the game wants the keyboard, or to the first thing of it that can be used. */
  focus() {
    const page = this.#match && this.#loaded(this.#match.game)?.page
    if (page?.focus !== undefined) page.focus()
    else moveFocus('.game [tabindex], .game button')
  }

  /** @param {string} game */
  #loaded(game) {
    const loaded = this.#games.get(game)
    return loaded === 'loading' ? undefined : loaded
  }

  /** @param {Beginning & { game: string }} match */
  #begin({ number, game, players, own }) {
    this.#loaded(game)?.page.begin({ number, players, own })
  }

  /** @param {object} input */
  #play(input) {
    if (this.#match === undefined || this.#match.own === -1) return this.#seq
    this.#seq++
    this.#actions.send({ type: 'input', match: this.#match.number, seq: this.#seq, input })
    return this.#seq
  }
}

/** @param {string} className */
function makeElement(className) {
  const element = document.createElement('div')
  element.className = className
  element.hidden = true
  return element
}
