// @ts-check
// The coin arena on the page: the arena and its scores, steered by keys or by a thumb, and how long
// things took on the way.
import { Arena } from './arena.js'
import { directionOfPoint, HeldKeys, Steering } from './steering.js'
import { Timeline } from './timeline.js'

/** @typedef {import('../../web/game-page.js').GameTools} GameTools */
/** @typedef {import('../../web/game-page.js').GamePage} GamePage */
/** @typedef {import('../../web/game-page.js').Beginning} Beginning */
/** @typedef {import('../../web/game-page.js').GameState} GameState */
/** @typedef {{ seat: number, name: string, score: number | undefined, isOwn: boolean }} Score */

/** The dead zone, as a part of the pad's half. */
const DEAD_PART = 0.22
/** There are as many colours; the next players have them again. */
const SEAT_COLOURS = 8
/** As in rules.ts. */
const ARENA = { width: 1024, height: 576 }
const TICKS_PER_SECOND = 30

export const howTo = `
  <p class="keys" aria-hidden="true"><kbd>↑</kbd><kbd>←</kbd><kbd>↓</kbd><kbd>→</kbd></p>
  <p><b>How to play</b> Steer with the arrow keys, with W, A, S and D, or with your thumb. Run over
  coins to collect them.</p>`
export const scoreWord = 'Coins'
/** @param {{ coinsToWin: number, matchMs: number }} settings */
export const goal = ({ coinsToWin, matchMs }) =>
  `First to ${coinsToWin} ${coinsToWin === 1 ? 'coin' : 'coins'} wins. ` +
  `After ${Math.round(matchMs / 1000)} seconds, most coins win.`

const html = `
  <div class="arena-frame">
    <canvas id="arena" class="arena" tabindex="0"
      aria-label="Arena. Steer with the arrow keys or W, A, S, D."></canvas>
  </div>
  <p id="watching" class="figures">You are watching</p>
  <p id="figures" class="figures"></p>
  <div id="pad" class="pad" aria-hidden="true"><div data-part="nub" class="nub"></div></div>`
const scoreHtml =
  '<span class="face" aria-hidden="true"></span><bdi data-part="name"></bdi> <b data-part="score"></b>'

/** @implements {GamePage} */
export default class CoinArenaPage {
  #tools
  #arena
  #canvas
  #pad
  #steering
  #keys = new HeldKeys()
  /** @type {import('../../web/dom.js').KeyedList<Score>} */
  #scores
  /**
   * @type {{ number: number, players: readonly string[], timeline: Timeline, own: number } |
   *   undefined}
   */
  #match
  #isDrawing = false

  /** @param {GameTools} tools */
  constructor(tools) {
    const { root, bar, dom } = tools
    root.innerHTML = html
    bar.innerHTML = '<ol id="scores" class="scores" aria-label="Scores"></ol>'
    this.#tools = tools
    dom.addStyleSheet(new URL('page.css', import.meta.url))
    const canvas = dom.theOne('arena', HTMLCanvasElement)
    this.#canvas = canvas
    this.#arena = new Arena(canvas)
    this.#pad = dom.byId('pad')
    this.#steering = new Steering((direction) => tools.play({ direction }))
    this.#scores = new dom.KeyedList(
      dom.byId('scores'),
      ({ seat }) => seat,
      (score) => this.#makeScore(score),
      (element, score) => this.#updateScore(element, score)
    )
    window.addEventListener('keydown', (event) => this.#onKeyDown(event))
    window.addEventListener('keyup', ({ code }) => {
      this.#keys.release(code)
      this.#steering.want(this.#keys.direction)
    })
    // If you release a key in another window, this one gets no event.
    window.addEventListener('blur', () => this.#letGo())
    this.#listenToPad()
  }

  /** @param {Beginning} beginning */
  begin({ number, players, own }) {
    if (this.#match?.number !== number) {
      this.#match = { number, players, timeline: new Timeline(TICKS_PER_SECOND), own }
      this.#arena.clear()
    }
    if (own !== -1) this.#steering.begin()
    if (!this.#isDrawing) this.#drawOn()
  }

  end() {
    this.#match = undefined
    this.#letGo()
    this.#steering.end()
  }

  /** Thirty times a second. @param {GameState} state @param {number} nowMs */
  onState({ tick, seq, view }, nowMs) {
    const match = this.#match
    if (match === undefined) return
    match.timeline.push({ tick, ...view }, nowMs)
    if (match.own !== -1) this.#steering.heard(seq)
  }

  /** @param {import('./rules.ts').Scored} event @param {number} nowMs */
  onEvent({ player }, nowMs) {
    const place = this.#match?.timeline.latest?.players.find(({ seat }) => seat === player)
    if (place !== undefined) this.#arena.pop(place, nowMs)
  }

  /** @param {{ latencyMs: number | undefined }} view */
  render({ latencyMs }) {
    const match = this.#match
    if (match === undefined) return
    const { show, byId, setText } = this.#tools.dom
    const latest = match.timeline.latest
    this.#scores.render(
      match.players.map((name, seat) => {
        // A player that is missing from the state has left.
        const score =
          latest === undefined ? 0 : latest.players.find((player) => player.seat === seat)?.score
        return { seat, name, score, isOwn: seat === match.own }
      })
    )
    const isPlaying = match.own !== -1
    show(this.#pad, isPlaying)
    show(byId('watching'), !isPlaying)
    setText(
      byId('figures'),
      wordsOfFigures(latencyMs, isPlaying ? this.#steering.tookMs : undefined)
    )
  }

  focus() {
    this.#canvas.focus({ preventScroll: true })
  }

  /** A frame, and the next one, for as long as there is a match. */
  #drawOn() {
    const match = this.#match
    this.#isDrawing = match !== undefined
    if (match === undefined) return
    const nowMs = performance.now()
    this.#arena.draw(ARENA, match.timeline.at(nowMs), match.players, match.own, nowMs)
    requestAnimationFrame(() => this.#drawOn())
  }

  #letGo() {
    this.#keys.releaseAll()
    this.#movePad(0, 0)
    this.#steering.want(0)
  }

  /** @param {KeyboardEvent} event */
  #onKeyDown(event) {
    if (this.#match === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.target instanceof HTMLInputElement || document.querySelector('dialog[open]') !== null)
      return
    if (event.key === 'Enter' && event.target === this.#canvas) {
      event.preventDefault() // or the chat line would be sent at once
      this.#tools.focusChat()
      return
    }
    if (this.#match.own === -1 || !this.#keys.press(event.code)) return
    event.preventDefault() // arrow keys scroll
    this.#steering.want(this.#keys.direction)
  }

  #listenToPad() {
    const pad = this.#pad
    /** @param {PointerEvent} event */
    const follow = (event) => {
      if (!pad.hasPointerCapture(event.pointerId)) return
      const { left, top, width, height } = pad.getBoundingClientRect()
      const x = event.clientX - left - width / 2
      const y = event.clientY - top - height / 2
      this.#steering.want(directionOfPoint(x, y, (width / 2) * DEAD_PART))
      const reach = Math.min(1, width / 4 / Math.max(Math.hypot(x, y), 1))
      this.#movePad(x * reach, y * reach)
    }
    const letGo = () => {
      this.#movePad(0, 0)
      this.#steering.want(this.#keys.direction)
    }
    pad.addEventListener('pointerdown', (event) => {
      event.preventDefault()
      pad.setPointerCapture(event.pointerId)
      follow(event)
    })
    pad.addEventListener('pointermove', follow)
    pad.addEventListener('pointerup', letGo)
    pad.addEventListener('pointercancel', letGo)
  }

  /** @param {number} x @param {number} y Away from its middle, in CSS pixels. */
  #movePad(x, y) {
    this.#tools.dom.part(this.#pad, 'nub').style.transform = `translate(${x}px, ${y}px)`
  }

  /** @param {Score} score */
  #makeScore({ seat, name }) {
    const element = document.createElement('li')
    element.className = 'score'
    element.innerHTML = scoreHtml
    element.dataset.colour = String(seat % SEAT_COLOURS)
    const { part, setName } = this.#tools.dom
    setName(part(element, 'name'), name)
    return element
  }

  /** @param {HTMLElement} element @param {Score} score */
  #updateScore(element, { name, score, isOwn }) {
    const { part, setAttribute, setName, setText } = this.#tools.dom
    element.classList.toggle('own', isOwn)
    element.classList.toggle('gone', score === undefined)
    setName(part(element, 'name'), name)
    setText(part(element, 'score'), score === undefined ? 'left' : String(score))
    setAttribute(element, 'aria-label', `${name}: ${score ?? 'left'}`)
  }
}

/** @param {number | undefined} latencyMs @param {number | undefined} steerMs */
function wordsOfFigures(latencyMs, steerMs) {
  const latency = latencyMs === undefined ? '' : `latency ${Math.round(latencyMs)} ms`
  const steer = steerMs === undefined ? '' : `steering takes ${Math.round(steerMs)} ms`
  return [latency, steer].filter((words) => words !== '').join(' · ')
}
