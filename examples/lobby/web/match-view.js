// @ts-check
// A match on the page: the arena and its scores, steered by keys or by a thumb, and how long things
// took on the way.
import { Arena } from './arena.js'
import {
  byId,
  fromTemplate,
  KeyedList,
  part,
  setAttribute,
  setName,
  setText,
  show,
  theOne
} from './dom.js'
import { SEAT_COLOURS } from './room-view.js'
import { directionOfPoint, HeldKeys, Steering } from './steering.js'
import { Timeline } from './timeline.js'
import { clock, secondsUntil } from './words.js'

/** @typedef {import('./main.js').View} View */
/** @typedef {import('./main.js').Actions} Actions */
/** @typedef {import('./state.js').RunningMatch} RunningMatch */
/** @typedef {import('../wire/protocol.ts').ServerMessage} ServerMessage */
/** @typedef {{ seat: number, name: string, score: number | undefined, isOwn: boolean }} Score */

/** The dead zone, as a part of the pad's half. */
const DEAD_PART = 0.22
/** The last seconds look urgent. */
const LAST_SECONDS = 5

export class MatchView {
  #arena = new Arena(theOne('arena', HTMLCanvasElement))
  #canvas = byId('arena')
  #pad = byId('pad')
  #steering
  #keys = new HeldKeys()
  /** @type {KeyedList<Score>} */
  #scores
  /**
   * @type {{ number: number, players: readonly string[],
   *   arena: import('../wire/protocol.ts').ArenaInfo, timeline: Timeline,
   *   ownSeat: number } | undefined}
   */
  #match
  #isDrawing = false

  /** @param {Actions} actions */
  constructor(actions) {
    this.#steering = new Steering((steer) => actions.send(steer))
    this.#scores = new KeyedList(byId('scores'), ({ seat }) => seat, makeScore, updateScore)
    window.addEventListener('keydown', (event) => this.#onKeyDown(event, actions))
    window.addEventListener('keyup', ({ code }) => {
      this.#keys.release(code)
      this.#steering.want(this.#keys.direction)
    })
    // If you release a key in another window, this one gets no event.
    window.addEventListener('blur', () => this.#letGo())
    this.#listenToPad()
  }

  /**
   * A match starts, or runs already when you join or come back. @param {Extract<ServerMessage, {
   * type: 'match-started' }>} message @param {string | undefined} me
   */
  begin({ match: number, players, arena }, me) {
    if (this.#match?.number !== number) {
      const ownSeat = me === undefined ? -1 : players.indexOf(me)
      this.#match = {
        number,
        players,
        arena,
        timeline: new Timeline(arena.ticksPerSecond),
        ownSeat
      }
      this.#arena.clear()
    }
    if (this.#match.ownSeat !== -1) this.#steering.begin(number)
  }

  end() {
    this.#match = undefined
    this.#letGo()
    this.#steering.end()
  }

  /**
   * Thirty times a second. @param {Extract<ServerMessage, { type: 'state' }>} state @param {number}
   * nowMs
   */
  onState(state, nowMs) {
    const match = this.#match
    if (match === undefined || state.match !== match.number) return
    match.timeline.push(state, nowMs)
    const own = state.players.find(({ seat }) => seat === match.ownSeat)
    if (own !== undefined) this.#steering.heard(own.seq)
  }

  /** @param {string} name @param {number} nowMs */
  onScored(name, nowMs) {
    const seat = this.#match?.players.indexOf(name)
    const place = this.#match?.timeline.latest?.players.find((player) => player.seat === seat)
    if (place !== undefined) this.#arena.pop(place, nowMs)
  }

  /** @param {View} view */
  render({ state, latencyMs, nowMs }) {
    const running = state.room?.match
    const match = this.#match
    const isShown = running !== undefined && match !== undefined
    show(byId('match-view'), isShown)
    if (!isShown) return
    if (!this.#isDrawing) this.#drawOn()

    const seconds = secondsUntil(running.endsAtMs, nowMs)
    setText(byId('time-left'), clock(seconds))
    byId('time-left').parentElement?.classList.toggle('last', seconds <= LAST_SECONDS)
    const latest = match.timeline.latest
    this.#scores.render(
      match.players.map((name, seat) => {
        // A player that is missing from the state has left.
        const score =
          latest === undefined ? 0 : latest.players.find((player) => player.seat === seat)?.score
        return { seat, name, score, isOwn: seat === match.ownSeat }
      })
    )
    const isPlaying = match.ownSeat !== -1
    show(this.#pad, isPlaying)
    show(byId('arena-hint'), !isPlaying)
    setText(byId('arena-hint'), isPlaying ? '' : 'You are watching')
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
    this.#arena.draw(match.arena, match.timeline.at(nowMs), match.players, match.ownSeat, nowMs)
    requestAnimationFrame(() => this.#drawOn())
  }

  #letGo() {
    this.#keys.releaseAll()
    this.#movePad(0, 0)
    this.#steering.want(0)
  }

  /** @param {KeyboardEvent} event @param {Actions} actions */
  #onKeyDown(event, actions) {
    if (this.#match === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.target instanceof HTMLInputElement || document.querySelector('dialog[open]') !== null)
      return
    if (event.key === 'Enter' && event.target === this.#canvas) {
      event.preventDefault() // or the chat line would be sent at once
      actions.focusChat()
      return
    }
    if (this.#match.ownSeat === -1 || !this.#keys.press(event.code)) return
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
    part(this.#pad, 'nub').style.transform = `translate(${x}px, ${y}px)`
  }
}

/** @param {Score} score */
function makeScore({ seat, name }) {
  const element = fromTemplate('score-chip')
  element.dataset.colour = String(seat % SEAT_COLOURS)
  setName(part(element, 'name'), name)
  return element
}

/** @param {HTMLElement} element @param {Score} score */
function updateScore(element, { name, score, isOwn }) {
  element.classList.toggle('own', isOwn)
  element.classList.toggle('gone', score === undefined)
  setName(part(element, 'name'), name)
  setText(part(element, 'score'), score === undefined ? 'left' : String(score))
  setAttribute(element, 'aria-label', `${name}: ${score ?? 'left'}`)
}

/** @param {number | undefined} latencyMs @param {number | undefined} steerMs */
function wordsOfFigures(latencyMs, steerMs) {
  const latency = latencyMs === undefined ? '' : `latency ${Math.round(latencyMs)} ms`
  const steer = steerMs === undefined ? '' : `steering takes ${Math.round(steerMs)} ms`
  return [latency, steer].filter((words) => words !== '').join(' · ')
}
