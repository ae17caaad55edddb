// @ts-check
// The card game on the page: one's own hand as buttons, the card on the table, and how many cards
// the others have.

/** @typedef {import('../../web/game-page.js').GameTools} GameTools */
/** @typedef {import('../../web/game-page.js').GamePage} GamePage */
/** @typedef {import('../../web/game-page.js').Beginning} Beginning */
/** @typedef {import('./rules.ts').CardsView} CardsView */
/** @typedef {import('./rules.ts').CardsEvent} CardsEvent */

export const howTo = `
  <p><b>How to play</b> When it is your turn, play a card of the same suit or rank as the one on the
  table, or draw one. The first player without cards wins.</p>`
export const scoreWord = 'Points'
/** @param {{ turnMs: number }} settings */
export const goal = ({ turnMs }) =>
  `First without cards wins. After ${Math.round(turnMs / 1000)} seconds, you draw a card.`

const suits = new Map([
  ['C', ['♣', 'clubs']],
  ['D', ['♦', 'diamonds']],
  ['H', ['♥', 'hearts']],
  ['S', ['♠', 'spades']]
])
const ranks = new Map([
  ['T', ['10', '10']],
  ['J', ['J', 'jack']],
  ['Q', ['Q', 'queen']],
  ['K', ['K', 'king']],
  ['A', ['A', 'ace']]
])

const html = `
  <div class="cards">
    <ol class="card-players" data-part="players" role="list" aria-label="Players"></ol>
    <p class="card-turn" data-part="turn" role="status"></p>
    <div class="card-table">
      <span class="card" data-part="table"></span>
      <button type="button" class="card back" data-part="draw">Draw</button>
      <span class="card-stock" data-part="stock"></span>
    </div>
    <p class="card-news" data-part="news" role="status"></p>
    <ul class="card-hand" data-part="hand" role="list" aria-label="Your cards"></ul>
  </div>`

/** @implements {GamePage} */
export default class CardsPage {
  #tools
  /** @type {Beginning | undefined} */
  #match
  /** @type {CardsView | undefined} */
  #view
  /** The turn in which this player has done something. */
  #doneTurn = 0

  /** @param {GameTools} tools */
  constructor(tools) {
    this.#tools = tools
    const { root, dom } = tools
    root.innerHTML = html
    root.classList.add('card-game')
    dom.addStyleSheet(new URL('page.css', import.meta.url))
    dom.part(root, 'draw').addEventListener('click', () => this.#do())
    dom.part(root, 'hand').addEventListener('click', ({ target }) => {
      const button = target instanceof Element ? target.closest('button') : null
      const card = button?.dataset.card
      if (card !== undefined) this.#do(card)
    })
  }

  /** @param {Beginning} beginning */
  begin(beginning) {
    if (this.#match?.number !== beginning.number) {
      this.#view = undefined
      this.#doneTurn = 0
      this.#tools.dom.setText(this.#part('news'), '')
    }
    this.#match = beginning
    this.#show()
  }

  /** @param {{ view: CardsView }} state */
  onState({ view }) {
    this.#view = view
    this.#show()
  }

  /** @param {CardsEvent} event */
  onEvent(event) {
    const what = event.type === 'played' ? `the ${wordsOf(event.card)}` : ''
    const words = `${this.#nameOf(event.player)} ${news[event.type]} ${what}`
    this.#tools.dom.setText(this.#part('news'), `${words.trim()}.`)
  }

  end() {
    this.#match = undefined
    this.#view = undefined
  }

  focus() {
    const first = this.#tools.root.querySelector('button:not(:disabled)')
    if (first instanceof HTMLElement) first.focus({ preventScroll: true })
  }

  /** @param {string} [card] Draws without one. */
  #do(card) {
    if (this.#view === undefined || !this.#isMyTurn) return
    this.#doneTurn = this.#view.turn
    const { turn } = this.#view
    this.#tools.play(card === undefined ? { turn } : { turn, card })
    this.#show()
  }

  get #isMyTurn() {
    const { player, turn } = this.#view ?? {}
    return player !== undefined && player === this.#match?.own && turn !== this.#doneTurn
  }

  #show() {
    const view = this.#view
    const match = this.#match
    if (view === undefined || match === undefined) return
    const { setName, setText } = this.#tools.dom
    const isMine = this.#isMyTurn
    this.#tools.root.classList.toggle('my-turn', isMine)
    const turn = this.#part('turn')
    setText(turn, isMine ? 'Your turn' : `${this.#nameOf(view.player)} is thinking …`)
    showCard(this.#part('table'), view.table)
    setText(this.#part('stock'), `${view.stock} left`)
    setDisabled(this.#part('draw'), !isMine)
    this.#part('draw').hidden = match.own === -1
    this.#part('players').replaceChildren(
      ...match.players.map((name, player) => {
        const item = document.createElement('li')
        const who = document.createElement('bdi')
        setName(who, name)
        item.classList.toggle('turn', player === view.player)
        item.append(who, `: ${view.counts[player] ?? 'left'}`)
        return item
      })
    )
    this.#showHand(view, isMine)
  }

  /** A card that was there keeps its button, and the focus with it. */
  #showHand(/** @type {CardsView} */ { hand = [], table }, /** @type {boolean} */ isMine) {
    const list = this.#part('hand')
    const buttons = new Map(
      [...list.querySelectorAll('button')].map((button) => [button.dataset.card, button])
    )
    const hadFocus = list.contains(document.activeElement)
    for (const [card, button] of buttons)
      if (!hand.includes(card ?? '')) button.parentElement?.remove()
    for (const card of hand) {
      let button = buttons.get(card)
      if (button === undefined) {
        button = document.createElement('button')
        button.type = 'button'
        button.dataset.card = card
        showCard(button, card)
        const item = document.createElement('li')
        item.append(button)
        list.append(item)
      }
      const fits = card[0] === table[0] || card[1] === table[1]
      button.classList.toggle('fits', fits)
      // Not disabled, which would take the focus away with each turn
      button.setAttribute('aria-disabled', String(!isMine || !fits))
    }
    if (hadFocus && !list.contains(document.activeElement)) list.querySelector('button')?.focus()
  }

  /** @param {number} player */
  #nameOf(player) {
    return this.#match?.players[player] ?? ''
  }

  /** @param {string} name */
  #part(name) {
    return this.#tools.dom.part(this.#tools.root, name)
  }
}

/** @type {Record<CardsEvent['type'], string>} */
const news = { played: 'played', drew: 'drew a card', passed: 'has nothing to draw' }

/** @param {string} card */
function wordsOf(card) {
  return `${ranks.get(card[0])?.[1] ?? card[0]} of ${suits.get(card[1])?.[1]}`
}

/** @param {HTMLElement} element @param {string} card */
function showCard(element, card) {
  if (element.dataset.shown === card) return
  element.dataset.shown = card
  element.classList.add('card')
  element.classList.toggle('red', 'DH'.includes(card[1]))
  element.innerHTML = '<span aria-hidden="true"></span><span class="visually-hidden"></span>'
  const [shown, said] = element.children
  shown.textContent = `${ranks.get(card[0])?.[0] ?? card[0]}${suits.get(card[1])?.[0]}`
  said.textContent = wordsOf(card)
}

/** @param {HTMLElement} element @param {boolean} isDisabled */
function setDisabled(element, isDisabled) {
  element.setAttribute('aria-disabled', String(isDisabled))
}
