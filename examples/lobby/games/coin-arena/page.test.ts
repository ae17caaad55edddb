// What the players' page does with a match, without a page: which way keys and thumbs steer, how
// often it is said, and what is seen between two states.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { ArenaView } from './rules.ts'
import { directionOfPoint, HeldKeys, STEERS_PER_SECOND, Steering } from './steering.js'
import { DELAY_TICKS, Timeline } from './timeline.js'

interface Steer {
  seq: number
  direction: number
}

const TICK_MS = 1000 / 30

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** `countFrom`: as if the server had heard so many already. */
function steering() {
  const sent: Steer[] = []
  let seq = 0
  const steer = new Steering((direction) => {
    sent.push({ seq: ++seq, direction })
    return seq
  })
  return {
    sent,
    steer,
    countFrom(count: number) {
      seq = count
    }
  }
}

function state(tick: number, x: number, seats = [0, 1]): ArenaView & { tick: number } {
  const players = seats.map((seat) => ({ seat, x: seat === 0 ? x : 500, y: 100, score: 0 }))
  return { tick, players, coins: [{ x: 10, y: 10 }] }
}

test('arrow keys and W, A, S, D steer in eight directions, and opposite keys cancel each other', () => {
  const steered = (...codes: string[]) => {
    const keys = new HeldKeys()
    for (const code of codes) keys.press(code)
    return keys.direction
  }
  expect(steered()).toBe(0)
  expect(steered('ArrowUp')).toBe(1)
  expect(steered('KeyW', 'KeyD')).toBe(2)
  expect(steered('ArrowRight')).toBe(3)
  expect(steered('ArrowDown', 'KeyD')).toBe(4)
  expect(steered('KeyS')).toBe(5)
  expect(steered('KeyS', 'KeyA')).toBe(6)
  expect(steered('ArrowLeft')).toBe(7)
  expect(steered('ArrowLeft', 'KeyW')).toBe(8)
  expect(steered('ArrowLeft', 'ArrowRight')).toBe(0)
  expect(steered('ArrowLeft', 'KeyA')).toBe(7)
  expect(new HeldKeys().press('toString')).toBe(false)
})

test('a thumb on the pad steers to the nearest of eight directions, and near the middle nowhere', () => {
  const around = [0, 1, 2, 3, 4, 5, 6, 7].map((eighth) => {
    // Clockwise from the top, and somewhat off
    const angle = (eighth * Math.PI) / 4 - Math.PI / 2 + 0.3
    return directionOfPoint(50 * Math.cos(angle), 50 * Math.sin(angle), 10)
  })
  expect(around).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  expect(directionOfPoint(5, -5, 10)).toBe(0)
})

test('a steer is sent when the direction changes, at most so often, and the last one always', () => {
  const { sent, steer } = steering()
  steer.begin()
  for (let key = 0; key < 100; key++) {
    steer.want(1 + (key % 8))
    steer.want(1 + (key % 8)) // a key that repeats
    vi.advanceTimersByTime(10)
  }
  expect(sent.length).toBeLessThanOrEqual(STEERS_PER_SECOND + 1)
  expect(sent.length).toBeGreaterThan(STEERS_PER_SECOND / 2)
  vi.advanceTimersByTime(1_000)
  expect(sent.at(-1)).toMatchObject({ direction: 1 + (99 % 8) })
  expect(sent.map(({ seq }) => seq)).toEqual(sent.map((_, at) => at + 1))
})

test('what changes back in time is not sent at all', () => {
  const { sent, steer } = steering()
  steer.begin()
  steer.want(5)
  steer.want(0)
  vi.advanceTimersByTime(1_000)
  expect(sent.map(({ direction }) => direction)).toEqual([0])
})

test('nothing is sent before a match and after it', () => {
  const { sent, steer } = steering()
  steer.want(5)
  steer.begin()
  steer.want(1)
  steer.end()
  vi.advanceTimersByTime(1_000)
  expect(sent).toEqual([{ seq: 1, direction: 5 }])
})

test('how long a steer took is from sending it to the first state in which it counts', () => {
  const { steer } = steering()
  steer.begin()
  vi.advanceTimersByTime(100)
  steer.want(1)
  vi.advanceTimersByTime(40)
  steer.heard(2)
  expect(steer.tookMs).toBeCloseTo(40)
  vi.advanceTimersByTime(500)
  steer.heard(2)
  expect(steer.tookMs).toBeCloseTo(40)
})

test('who has reloaded the page goes on counting where the match is, and says again where to go', () => {
  const { sent, steer, countFrom } = steering()
  steer.begin()
  steer.want(7)
  vi.advanceTimersByTime(1_000)
  countFrom(57)
  steer.heard(57)
  vi.advanceTimersByTime(1_000)
  expect(sent.at(-1)).toEqual({ seq: 58, direction: 7 })
})

test('who comes back to a match says again where to go', () => {
  const { sent, steer } = steering()
  steer.begin()
  steer.want(7)
  vi.advanceTimersByTime(1_000)
  steer.begin()
  expect(sent.map(({ direction }) => direction)).toEqual([0, 7, 7])
})

test('what is seen moves evenly between two states, a little more than a tick behind', () => {
  const timeline = new Timeline(30)
  expect(timeline.at(0)).toBeUndefined()
  for (let tick = 0; tick < 5; tick++) timeline.push(state(tick, 100 + 8 * tick), tick * TICK_MS)
  const seen = (ms: number) => timeline.at(ms)?.players[0].x
  expect(seen((3 + DELAY_TICKS) * TICK_MS)).toBeCloseTo(124)
  expect(seen((3.5 + DELAY_TICKS) * TICK_MS)).toBeCloseTo(128)
  expect(timeline.at((3.5 + DELAY_TICKS) * TICK_MS)?.players[0]).toMatchObject({ dx: 8, dy: 0 })
  expect(seen(60_000)).toBe(132) // nothing new: there they stay
  expect(timeline.at((3.5 + DELAY_TICKS) * TICK_MS)?.players[1].x).toBe(500)
})

test('a state that is older than the last one is passed over, and one that was left out is no jump', () => {
  const timeline = new Timeline(30)
  timeline.push(state(1, 108), TICK_MS)
  timeline.push(state(4, 132), 4 * TICK_MS)
  timeline.push(state(2, 116), 4 * TICK_MS)
  expect(timeline.latest?.tick).toBe(4)
  expect(timeline.at((2.5 + DELAY_TICKS) * TICK_MS)?.players[0].x).toBeCloseTo(120)
  expect(timeline.at((2.5 + DELAY_TICKS) * TICK_MS)?.players[0].dx).toBeCloseTo(8)
})

test('who has left between two states stays where they were, until the second one', () => {
  const timeline = new Timeline(30)
  timeline.push(state(1, 108), TICK_MS)
  timeline.push(state(2, 116, [0]), 2 * TICK_MS)
  expect(timeline.at((1.5 + DELAY_TICKS) * TICK_MS)?.players.map(({ seat }) => seat)).toEqual([
    0, 1
  ])
  expect(timeline.at((2.01 + DELAY_TICKS) * TICK_MS)?.players.map(({ seat }) => seat)).toEqual([0])
})

test('jitter is smoothed, and after a pause the view is with the states again at once', () => {
  const timeline = new Timeline(30)
  for (let tick = 0; tick < 60; tick++)
    timeline.push(state(tick, 8 * tick), tick * TICK_MS + (tick % 2) * 10)
  // Late by 0 and 10 ms in turn: the view goes as if they were all late by 5.
  expect(timeline.at((58 + DELAY_TICKS) * TICK_MS + 5)?.players[0].x).toBeCloseTo(8 * 58, 0)
  const lateMs = 5_000
  timeline.push(state(60, 480), 60 * TICK_MS + lateMs)
  timeline.push(state(61, 488), 61 * TICK_MS + lateMs)
  expect(timeline.at((60.5 + DELAY_TICKS) * TICK_MS + lateMs)?.players[0].x).toBeCloseTo(484)
})
