// @ts-check
// From keys and a thumb to steers: which direction, when to send it, and how long it took until it
// counted. Uses neither page nor socket.

/**
 * The server drops commands over 20 a second; chat, pings and what is in flight need their share.
 */
export const STEERS_PER_SECOND = 15
const PAUSE_MS = 1000 / STEERS_PER_SECOND
/**
 * Steers that no state has confirmed yet; more than so many are forgotten, and their times with
 * them.
 */
const KEPT_STEERS = 64

// Rows: up, level, down; columns: left, neither, right. See Direction in rules.ts.
const DIRECTIONS = [
  [8, 1, 2],
  [7, 0, 3],
  [6, 5, 4]
]

/**
 * @param {number} x Negative is left.
 * @param {number} y Negative is up.
 */
export function directionOf(x, y) {
  return DIRECTIONS[Math.sign(y) + 1][Math.sign(x) + 1]
}

/**
 * Of a thumb that is `x`, `y` away from the middle of the pad: the nearest of the eight, or none.
 * @param {number} x
 * @param {number} y
 * @param {number} deadRadius So near to the middle is nowhere.
 */
export function directionOfPoint(x, y, deadRadius) {
  if (Math.hypot(x, y) < deadRadius) return 0
  // 0 is right, and on clockwise, since y grows downwards
  const eighths = Math.round(Math.atan2(y, x) / (Math.PI / 4))
  return ((eighths + 10) % 8) + 1
}

/**
 * @type {Record<string, [number, number]>} By KeyboardEvent.code: where the key is, whatever letter
 *   is printed on it.
 */
const STEERING_KEYS = {
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  KeyW: [0, -1],
  KeyS: [0, 1],
  KeyA: [-1, 0],
  KeyD: [1, 0]
}

/** The keys that are held down. */
export class HeldKeys {
  /** @type {Set<string>} */
  #codes = new Set()

  /** @param {string} code Returns whether the key steers. */
  press(code) {
    if (!Object.hasOwn(STEERING_KEYS, code)) return false
    this.#codes.add(code)
    return true
  }

  /** @param {string} code */
  release(code) {
    this.#codes.delete(code)
  }

  releaseAll() {
    this.#codes.clear()
  }

  /** Opposite ones cancel each other. */
  get direction() {
    let x = 0
    let y = 0
    for (const code of this.#codes) {
      x += STEERING_KEYS[code][0]
      y += STEERING_KEYS[code][1]
    }
    return directionOf(x, y)
  }
}

/** Says where the player wants to go, when that changes and not too often. */
export class Steering {
  #send
  #now
  /** A match is steered. */
  #isOn = false
  #wanted = 0
  /** @type {number | undefined} Undefined when nobody knows what the server heard last. */
  #sent
  #seq = 0
  #sentAtMs = Number.NEGATIVE_INFINITY
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer
  /** @type {Map<number, number>} When they were sent, by `seq`. */
  #underway = new Map()
  /** @type {number | undefined} From a steer to the state in which it counts. */
  tookMs

  /**
   * @param {(direction: number) => number} send Returns the number of this steer: they count up.
   * @param {() => number} [now] In milliseconds.
   */
  constructor(send, now = () => performance.now()) {
    this.#send = send
    this.#now = now
  }

  /**
   * A match begins, or goes on after the connection was lost: then what the server heard last may
   * be anything.
   */
  begin() {
    this.#isOn = true
    this.#sent = undefined
    this.#underway.clear()
    this.#update()
  }

  end() {
    this.#isOn = false
    this.#wanted = 0
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** @param {number} direction */
  want(direction) {
    this.#wanted = direction
    this.#update()
  }

  /**
   * A state shows the last steer that counted. Who has reloaded the page goes on counting from
   * there. @param {number} seq
   */
  heard(seq) {
    if (seq > this.#seq) {
      this.#seq = seq
      this.#sent = undefined // what was sent since then had too low a number
      this.#update()
    }
    const sentAtMs = this.#underway.get(seq)
    if (sentAtMs !== undefined) this.tookMs = this.#now() - sentAtMs
    for (const older of this.#underway.keys()) if (older <= seq) this.#underway.delete(older)
  }

  #update() {
    if (!this.#isOn || this.#timer !== undefined || this.#wanted === this.#sent) return
    const dueMs = this.#sentAtMs + PAUSE_MS - this.#now()
    if (dueMs > 0) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined
        this.#update()
      }, dueMs)
      return
    }
    this.#sent = this.#wanted
    this.#sentAtMs = this.#now()
    this.#seq = this.#send(this.#sent)
    if (this.#underway.size < KEPT_STEERS) this.#underway.set(this.#seq, this.#sentAtMs)
  }
}
