// The library's own clock. It comes from native code: a test that fakes `performance` or `Date`,
// before it imports the library or after, must neither stop a wait nor hurry it.
import { addon } from './binding/load.ts'

/** Milliseconds, with fractions, since an arbitrary moment. Never goes back; cannot be faked. */
export function clockMs(): number {
  return addon().clockMs()
}
