// @ts-check
// Draws a moment of a match on a canvas: the floor, coins, players with their names, and a "+1"
// where somebody has just scored. Knows no rules.

import { placeLabels } from './labels.js'

/** @typedef {import('./timeline.js').Sight} Sight */
/** The arena's size, in the units of positions. */
/** @typedef {{ width: number, height: number }} ArenaInfo */

/** As the server's rules have them, in the arena's units. */
const PLAYER_RADIUS = 14
const COIN_RADIUS = 10
const GRID = 64
/** Names stay readable on a small screen, whatever the scale: in CSS pixels. */
const LEAST_FONT_PX = 10
/** And so do players and coins, which are drawn a little larger there than they are. */
const LEAST_RADIUS_PX = 7
const LONGEST_NAME = 14
const NAME_SIZE = 13
/** Between a name and the arena's edge. */
const MARGIN = 6
const COIN_TURN_MS = 700
const POP_MS = 800
const FULL_TURN = 2 * Math.PI

const FLOOR = '#241a13'
const FLOOR_LIGHT = '#33251a'
const DOTS = 'rgba(255, 214, 160, 0.07)'
const SHADOW = 'rgba(0, 0, 0, 0.35)'
const RIM = 'rgba(0, 0, 0, 0.25)'
const OUTLINE = 'rgba(20, 12, 6, 0.75)'
const INK = '#1b120b'
const LIGHT = '#fff4e2'
const NAMES = 'rgba(255, 240, 220, 0.78)'
const GOLD = '#f0a93b'
const GOLD_DARK = '#8a5412'
const POP = '#ffd27a'

export class Arena {
  #canvas
  #context
  #colours
  #wantsRest = matchMedia('(prefers-reduced-motion: reduce)')
  /**
   * Which way everybody looks: where they went last. @type {Map<number, { x: number, y: number }>}
   */
  #looks = new Map()
  /** @type {{ x: number, y: number, atMs: number }[]} */
  #pops = []

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas
    this.#context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'))
    const style = getComputedStyle(canvas)
    this.#colours = Array.from(
      { length: 8 },
      (_, at) => style.getPropertyValue(`--seat-${at}`).trim() || LIGHT
    )
  }

  /** Another match. */
  clear() {
    this.#looks.clear()
    this.#pops.length = 0
  }

  /** @param {{ x: number, y: number }} place @param {number} nowMs */
  pop({ x, y }, nowMs) {
    this.#pops.push({ x, y, atMs: nowMs })
  }

  /**
   * @param {ArenaInfo} arena
   * @param {{ players: Sight[], coins: { x: number, y: number }[] } | undefined} sight
   * @param {readonly string[]} names By seat.
   * @param {number} ownSeat -1 for who looks on.
   * @param {number} nowMs
   */
  draw({ width, height }, sight, names, ownSeat, nowMs) {
    const scale = this.#fit(width, height)
    const size = Math.max(1, (LEAST_RADIUS_PX * devicePixelRatio) / (PLAYER_RADIUS * scale))
    const context = this.#context
    context.setTransform(scale, 0, 0, scale, 0, 0)
    this.#drawFloor(width, height)
    if (sight === undefined) return
    for (const [at, { x, y }] of sight.coins.entries())
      this.#drawAt(x, y, size, () => this.#drawCoin(at, nowMs))
    // One's own circle lies over the others.
    const players = sight.players.toSorted(
      (one, other) => Number(one.seat === ownSeat) - Number(other.seat === ownSeat)
    )
    for (const player of players) {
      this.#drawAt(player.x, player.y, size, () =>
        this.#drawPlayer(player, player.seat === ownSeat)
      )
    }
    this.#drawNames(players, names, ownSeat, PLAYER_RADIUS * size, scale)
    this.#drawPops(nowMs, scale)
  }

  /**
   * What draws around 0, 0 is drawn around x, y. @param {number} x @param {number} y @param
   * {number} size @param {() => void} draw
   */
  #drawAt(x, y, size, draw) {
    this.#context.save()
    this.#context.translate(x, y)
    this.#context.scale(size, size)
    draw()
    this.#context.restore()
  }

  /**
   * As many pixels as the screen has there. Returns how many of them a unit is. @param {number}
   * width @param {number} height
   */
  #fit(width, height) {
    const canvas = this.#canvas
    const pixels = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio))
    const rows = Math.round((pixels * height) / width)
    if (canvas.width !== pixels || canvas.height !== rows) {
      canvas.width = pixels
      canvas.height = rows
    }
    return pixels / width
  }

  /** @param {number} width @param {number} height */
  #drawFloor(width, height) {
    const context = this.#context
    const light = context.createRadialGradient(
      width / 2,
      height / 2,
      0,
      width / 2,
      height / 2,
      width * 0.6
    )
    light.addColorStop(0, FLOOR_LIGHT)
    light.addColorStop(1, FLOOR)
    context.fillStyle = light
    context.fillRect(0, 0, width, height)
    context.fillStyle = DOTS
    for (let x = GRID / 2; x < width; x += GRID) {
      for (let y = GRID / 2; y < height; y += GRID) this.#disc(x, y, 3)
    }
  }

  /** @param {number} at @param {number} nowMs */
  #drawCoin(at, nowMs) {
    const context = this.#context
    context.fillStyle = SHADOW
    this.#disc(0, 3, COIN_RADIUS)
    if (!this.#wantsRest.matches)
      context.scale(Math.abs(Math.cos(nowMs / COIN_TURN_MS + at)) * 0.35 + 0.65, 1)
    context.fillStyle = GOLD
    this.#disc(0, 0, COIN_RADIUS)
    context.lineWidth = 1.5
    context.strokeStyle = GOLD_DARK
    this.#ring(0, 0, COIN_RADIUS - 3)
    context.fillStyle = LIGHT
    this.#disc(-3, -3.5, 1.8)
  }

  /** A face that looks where it goes. @param {Sight} player @param {boolean} isOwn */
  #drawPlayer({ seat, dx, dy }, isOwn) {
    const context = this.#context
    const speed = Math.hypot(dx, dy)
    if (speed > 0) this.#looks.set(seat, { x: dx / speed, y: dy / speed })
    const look = this.#looks.get(seat) ?? { x: 0, y: 0.4 }
    context.fillStyle = SHADOW
    this.#disc(0, 4, PLAYER_RADIUS)
    if (isOwn) {
      context.lineWidth = 2.5
      context.strokeStyle = LIGHT
      this.#ring(0, 0, PLAYER_RADIUS + 4)
    }
    context.fillStyle = this.#colours[seat % this.#colours.length]
    this.#disc(0, 0, PLAYER_RADIUS)
    context.lineWidth = 2
    context.strokeStyle = RIM
    this.#ring(0, 0, PLAYER_RADIUS - 1)
    for (const side of [-1, 1]) {
      const x = side * 4.5 + look.x * 4
      const y = look.y * 4 - 1.5
      context.fillStyle = LIGHT
      this.#disc(x, y, 3.6)
      context.fillStyle = INK
      this.#disc(x + look.x * 1.4, y + look.y * 1.4, 2)
    }
  }

  /**
   * @param {readonly Sight[]} players The own one last. @param {readonly string[]} names
   * @param {number} ownSeat @param {number} radius @param {number} scale
   */
  #drawNames(players, names, ownSeat, radius, scale) {
    const height = this.#setFont(NAME_SIZE, scale)
    // The own name chooses its place first, and the others by their seats, so that none flickers
    const bySeat = players.toSorted(
      (one, other) =>
        Number(other.seat === ownSeat) - Number(one.seat === ownSeat) || one.seat - other.seat
    )
    const labels = bySeat.map(({ seat, x, y }) => {
      const letters = [...(names[seat] ?? '')]
      const isLong = letters.length > LONGEST_NAME
      const text = isLong ? `${letters.slice(0, LONGEST_NAME - 1).join('')}…` : letters.join('')
      const width = this.#context.measureText(text).width + MARGIN
      const below = y + radius + 4 + height
      // A player at the upper edge has its name below.
      const above = y < radius + 3 * NAME_SIZE ? below : y - radius - 8
      return { seat, text, x: this.#inside(x, width, scale), above, below, width, height }
    })
    for (const [at, y] of placeLabels(labels).entries()) {
      const { seat, text, x } = labels[at]
      if (y !== undefined)
        this.#drawText(text, x, y, seat === ownSeat ? LIGHT : NAMES, NAME_SIZE, scale)
    }
  }

  /** @param {number} nowMs @param {number} scale */
  #drawPops(nowMs, scale) {
    this.#pops = this.#pops.filter(({ atMs }) => nowMs - atMs < POP_MS)
    if (this.#wantsRest.matches) return
    for (const { x, y, atMs } of this.#pops) {
      const part = (nowMs - atMs) / POP_MS
      this.#context.globalAlpha = 1 - part
      this.#drawText('+1', x + PLAYER_RADIUS + 10, y - part * 28, POP, 18, scale)
      this.#context.globalAlpha = 1
    }
  }

  /**
   * @param {string} text @param {number} x @param {number} y @param {string} colour @param {number}
   *   size @param {number} scale
   */
  #drawText(text, x, y, colour, size, scale) {
    const context = this.#context
    const units = this.#setFont(size, scale)
    context.textAlign = 'center'
    context.lineJoin = 'round'
    context.lineWidth = units / 4
    context.strokeStyle = OUTLINE
    const inside = this.#inside(x, context.measureText(text).width, scale)
    context.strokeText(text, inside, y)
    context.fillStyle = colour
    context.fillText(text, inside, y)
  }

  /** Returns the font's size in the arena's units. @param {number} size @param {number} scale */
  #setFont(size, scale) {
    const units = Math.max(size, (LEAST_FONT_PX * devicePixelRatio) / scale)
    this.#context.font = `600 ${units}px system-ui, sans-serif`
    return units
  }

  /**
   * The middle of a text that is wholly in the arena. @param {number} x @param {number} width
   * @param {number} scale
   */
  #inside(x, width, scale) {
    const half = width / 2 + MARGIN
    return Math.min(Math.max(x, half), this.#canvas.width / scale - half)
  }

  /** @param {number} x @param {number} y @param {number} radius */
  #disc(x, y, radius) {
    this.#context.beginPath()
    this.#context.arc(x, y, radius, 0, FULL_TURN)
    this.#context.fill()
  }

  /** @param {number} x @param {number} y @param {number} radius */
  #ring(x, y, radius) {
    this.#context.beginPath()
    this.#context.arc(x, y, radius, 0, FULL_TURN)
    this.#context.stroke()
  }
}
