// What happens when, in virtual time: a heap, in which what is due at the same time keeps the order
// in which it was asked for. Knows times, packets and timers.
import { grownToHold } from '../poller/grown-array.ts'
import { LinkPacket } from './packet.ts'

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

/** What has a timer. */
export interface Timed {
  /** The time has come; or, if it is not due, it was called off and the timer's slot is gone. */
  onTime(isDue: boolean): void
}

/** The slot of a timer that has none. */
export const NO_TIMER = -1

/**
 * There are hundreds of thousands of packets on their way, and as many timers. So an entry is no
 * object: three numbers in the heap, and in its slot the packet or
 * the owner of the timer.
 */
export class Schedule {
  readonly #deliver: (packet: LinkPacket) => void
  // The heap: when, in which order it was asked for, and in which slot the rest is.
  #at = new Float64Array(FIRST_ROOM)
  #order = new Float64Array(FIRST_ROOM)
  #slot = new Int32Array(FIRST_ROOM)
  #length = 0
  #nextOrder = 0
  // By slot: what it is for (undefined for a timer that was moved to earlier), and of a timer when
  // it is due, and where it stands in the heap.
  readonly #subjects: (LinkPacket | (() => void) | Timed | undefined)[] = []
  #dueAt = new Float64Array(FIRST_ROOM)
  #heapAt = new Float64Array(FIRST_ROOM)
  readonly #free: number[] = []

  /** `deliver` gets each packet that arrives. */
  constructor(deliver: (packet: LinkPacket) => void) {
    this.#deliver = deliver
  }

  /** When the next one is due; Infinity = never. */
  get next(): number {
    return this.#length > 0 ? this.#at[0] : NEVER
  }

  /** A packet arrives, or a function is called. */
  add(atMs: number, subject: LinkPacket | (() => void)): void {
    this.#push(stepAt(atMs), this.#newSlot(subject))
  }

  /**
   * Sets a timer or moves it: `slot` is what this returned the last time, or {@link NO_TIMER}. One
   * that is moved to later, as with each acknowledgement of TCP, stays where it is in the heap, and
   * looks there when it is due.
   */
  setTimer(slot: number, atMs: number, owner: Timed): number {
    const at = stepAt(atMs)
    if (slot !== NO_TIMER && this.#heapAt[slot] <= at) {
      this.#dueAt[slot] = at
      return slot
    }
    if (slot !== NO_TIMER) this.#subjects[slot] = undefined
    return this.#pushTimer(at, this.#newSlot(owner))
  }

  /** Calls a timer off. It keeps its slot until its owner gets a call. */
  stopTimer(slot: number): void {
    if (slot !== NO_TIMER) this.#dueAt[slot] = NEVER
  }

  isTimerOn(slot: number): boolean {
    return slot !== NO_TIMER && this.#dueAt[slot] !== NEVER
  }

  /** Does what is due next. Call it only when `next` is finite. */
  runNext(): void {
    const at = this.#at[0]
    const slot = this.#slot[0]
    const subject = this.#subjects[slot]
    this.#dropFirst()
    if (subject === undefined) this.#freeSlot(slot)
    else if (subject instanceof LinkPacket) {
      this.#freeSlot(slot)
      this.#deliver(subject)
    } else if (typeof subject === 'function') {
      this.#freeSlot(slot)
      subject()
    } else this.#look(at, slot, subject)
  }

  #look(at: number, slot: number, owner: Timed): void {
    const dueAt = this.#dueAt[slot]
    if (dueAt > at && dueAt !== NEVER) {
      this.#pushTimer(dueAt, slot)
      return
    }
    this.#freeSlot(slot)
    owner.onTime(dueAt !== NEVER)
  }

  // ---- Slots ----

  #newSlot(subject: LinkPacket | (() => void) | Timed): number {
    const slot = this.#free.pop() ?? this.#subjects.length
    this.#subjects[slot] = subject
    return slot
  }

  #freeSlot(slot: number): void {
    this.#subjects[slot] = undefined
    this.#free.push(slot)
  }

  #pushTimer(at: number, slot: number): number {
    if (slot >= this.#dueAt.length) {
      this.#dueAt = grownToHold(this.#dueAt, slot)
      this.#heapAt = grownToHold(this.#heapAt, slot)
    }
    this.#dueAt[slot] = at
    this.#heapAt[slot] = at
    this.#push(at, slot)
    return slot
  }

  // ---- The heap ----

  #push(at: number, slot: number): void {
    if (this.#length === this.#at.length) {
      this.#at = grownToHold(this.#at, this.#length)
      this.#order = grownToHold(this.#order, this.#length)
      this.#slot = grownToHold(this.#slot, this.#length)
    }
    let position = this.#length++
    while (position > 0) {
      const parent = Math.floor((position - 1) / CHILDREN)
      // A new entry has the greatest order of all.
      if (this.#at[parent] <= at) break
      this.#move(parent, position)
      position = parent
    }
    this.#put(position, at, this.#nextOrder++, slot)
  }

  #dropFirst(): void {
    const last = --this.#length
    const at = this.#at[last]
    const order = this.#order[last]
    let position = 0
    for (;;) {
      const first = CHILDREN * position + 1
      if (first >= last) break
      const end = Math.min(first + CHILDREN, last)
      let child = first
      for (let other = first + 1; other < end; other++)
        if (this.#isBefore(other, this.#at[child], this.#order[child])) child = other
      if (!this.#isBefore(child, at, order)) break
      this.#move(child, position)
      position = child
    }
    this.#put(position, at, order, this.#slot[last])
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
}
