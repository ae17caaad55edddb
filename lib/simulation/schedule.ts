// What happens when, in virtual time: a heap, in which what is due at the same time keeps the order
// in which it was asked for. Knows times and callbacks.
import { grownToHold } from '../poller/grown-array.ts'

/** Virtual time goes in steps of about a microsecond, whose sums and differences are exact. */
const STEPS_A_MS = 1024
const FIRST_ROOM = 64
/** Children of a node: with four the heap has half the levels, and fewer cache lines are read. */
const CHILDREN = 4
const NEVER = Number.POSITIVE_INFINITY

/** The first step of time that is not before `ms`. */
export function stepAt(ms: number): number {
  return Math.ceil(ms * STEPS_A_MS) / STEPS_A_MS
}

/**
 * There are hundreds of thousands of packets on their way, so an entry is no object: three numbers
 * in the heap, and in its slot a function that all packets share, and the packet.
 */
export class Schedule {
  // The heap: when, in which order it was asked for, and in which slot the rest is.
  #at = new Float64Array(FIRST_ROOM)
  #order = new Float64Array(FIRST_ROOM)
  #slot = new Int32Array(FIRST_ROOM)
  #length = 0
  #nextOrder = 0
  readonly #runs: ((subject: never, at: number) => void)[] = []
  readonly #subjects: unknown[] = []
  readonly #free: number[] = []

  /** When the next one is due; Infinity = never. */
  get next(): number {
    return this.#length > 0 ? this.#at[0] : NEVER
  }

  /** Calls `run` at that time, with the subject and the time. */
  add<T>(at: number, run: (subject: T, at: number) => void, subject: T): void {
    const slot = this.#free.pop() ?? this.#runs.length
    this.#runs[slot] = run
    this.#subjects[slot] = subject
    if (this.#length === this.#at.length) this.#grow()
    this.#up(this.#length++, stepAt(at), this.#nextOrder++, slot)
  }

  /** Takes out what is due next, and calls it. Call it only when `next` is finite. */
  runNext(): void {
    const slot = this.#slot[0]
    const at = this.#at[0]
    const run = this.#runs[slot]
    const subject = this.#subjects[slot]
    this.#subjects[slot] = undefined
    this.#free.push(slot)
    const last = --this.#length
    if (last > 0) this.#down(this.#at[last], this.#order[last], this.#slot[last])
    run(subject as never, at)
  }

  /** Puts an entry at `position`, or above it, where its parent is due before it. */
  #up(position: number, at: number, order: number, slot: number): void {
    while (position > 0) {
      const parent = Math.floor((position - 1) / CHILDREN)
      // A new entry has the greatest order of all.
      if (this.#at[parent] <= at) break
      this.#move(parent, position)
      position = parent
    }
    this.#put(position, at, order, slot)
  }

  /** Puts an entry at the top, or below it, where its children are due after it. */
  #down(at: number, order: number, slot: number): void {
    let position = 0
    for (;;) {
      const first = CHILDREN * position + 1
      if (first >= this.#length) break
      const end = Math.min(first + CHILDREN, this.#length)
      let child = first
      for (let other = first + 1; other < end; other++)
        if (this.#isBefore(other, this.#at[child], this.#order[child])) child = other
      if (!this.#isBefore(child, at, order)) break
      this.#move(child, position)
      position = child
    }
    this.#put(position, at, order, slot)
  }

  #isBefore(position: number, at: number, order: number): boolean {
    const own = this.#at[position]
    return own < at || (own === at && this.#order[position] < order)
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#at[from], this.#order[from], this.#slot[from])
  }

  #put(position: number, at: number, order: number, slot: number): void {
    this.#at[position] = at
    this.#order[position] = order
    this.#slot[position] = slot
  }

  #grow(): void {
    this.#at = grownToHold(this.#at, this.#length)
    this.#order = grownToHold(this.#order, this.#length)
    this.#slot = grownToHold(this.#slot, this.#length)
  }
}

/** What a timer belongs to. */
export interface Timed {
  /** The time has come; or, if it is not due, the timer is off and the schedule has left it. */
  onTime(isDue: boolean): void
}

/**
 * A time that can be moved and called off. One that is moved to later, as with each acknowledgement
 * of TCP, stands in the schedule where it was, and looks then when it is due.
 */
export class Timer {
  readonly #schedule: Schedule
  readonly #owner: Timed
  #dueAt = NEVER
  /** Where it stands in the schedule. */
  #queuedAt = NEVER

  constructor(schedule: Schedule, owner: Timed) {
    this.#schedule = schedule
    this.#owner = owner
  }

  get isOn(): boolean {
    return this.#dueAt !== NEVER
  }

  set(at: number): void {
    this.#dueAt = stepAt(at)
    if (this.#dueAt < this.#queuedAt) this.#queue()
  }

  stop(): void {
    this.#dueAt = NEVER
  }

  #queue(): void {
    this.#queuedAt = this.#dueAt
    this.#schedule.add(this.#dueAt, Timer.#look, this)
  }

  static #look(timer: Timer, at: number): void {
    if (at !== timer.#queuedAt) return // it was moved to earlier, and has been there
    timer.#queuedAt = NEVER
    if (timer.#dueAt > at && timer.isOn) return timer.#queue()
    const isDue = timer.isOn
    timer.#dueAt = NEVER
    timer.#owner.onTime(isDue)
  }
}
