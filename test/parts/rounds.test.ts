// Rounds: one timer for many time-outs, which stands still when there is nothing to count for.
import { expect, test } from 'vitest'
import { Rounds } from '../../lib/websocket/rounds.ts'

/** A timer that is due when the test says so. */
class Clock {
  isSet = false
  ms = 0
  callback: () => void = () => {}

  set(ms: number): void {
    this.isSet = true
    this.ms = ms
  }

  cancel(): void {
    this.isSet = false
  }

  due(): void {
    this.isSet = false
    this.callback()
  }
}

function make(times: number[], onRound: () => boolean): { rounds: Rounds; clock: Clock } {
  const clock = new Clock()
  const makeTimer = (callback: () => void) => Object.assign(clock, { callback })
  return { rounds: new Rounds(times, makeTimer, onRound), clock }
}

test('a round is a quarter of the shortest time, of those that are not 0', () => {
  const { rounds, clock } = make([400, 0, 1000], () => true)
  rounds.start()
  expect(clock).toMatchObject({ isSet: true, ms: 100 })
  expect([0, 1, 100, 101, 400, 1000].map((ms) => rounds.count(ms))).toEqual([0, 2, 2, 3, 5, 11])
})

test('rounds go on as long as there is something to count for', () => {
  let isWanted = true
  const { rounds, clock } = make([4], () => isWanted)
  rounds.start()
  rounds.start()
  clock.due()
  clock.due()
  expect(rounds.now).toBe(2)
  isWanted = false
  clock.due()
  expect(clock.isSet).toBe(false)
  rounds.start()
  expect(clock.isSet).toBe(true)
})

test('stopped, no timer is left, and it can be started again', () => {
  const { rounds, clock } = make([4], () => true)
  rounds.stop()
  rounds.start()
  rounds.stop()
  expect(clock.isSet).toBe(false)
  rounds.start()
  expect(clock.isSet).toBe(true)
  expect(rounds.now).toBe(0)
})
