// One behaviour on pollport's transport and on the one that Colyseus has by default: the same test
// runs on both, and what it sees is what is written here.
import { describe, expect, test } from 'vitest'
import { type Serving, serve } from './serving.ts'
import type { Settings } from './settings.ts'

export interface Behaviour<T> {
  settings?: Omit<Settings, 'transport'>
  /** Does something with a server, and says what it saw. */
  run(serving: Serving): Promise<T>
  /** What it sees on both. */
  sees: T
  /** Where the default transport does something else: what, and why pollport's does not. */
  byDefault?: { sees: T; because: string }
}

export function same<T>(title: string, { settings, run, sees, byDefault }: Behaviour<T>): void {
  describe(title, () => {
    test('on pollport', async () => {
      expect(await run(await serve('pollport', settings))).toEqual(sees)
    })
    test(
      byDefault === undefined ? 'by default' : `by default not: ${byDefault.because}`,
      async () => {
        expect(await run(await serve('default', settings))).toEqual(byDefault?.sees ?? sees)
      }
    )
  })
}
