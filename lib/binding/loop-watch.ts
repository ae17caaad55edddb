// The typed face of native/binding/loop_watch.cc: a thread that waits beside Node's loop and calls
// back into it once for each arm().

export interface LoopWatchBinding {
  /**
   * Starts a watcher of an exchange. `onReady` is called on Node's thread. Keeps the process alive
   * while open, until `loopWatchKeepAlive` says otherwise. Returns its number. `inNodeLoop`: the
   * loop of Node itself watches, where it can, and no thread is needed.
   */
  loopWatchOpen(exchange: number, onReady: () => void, inNodeLoop: boolean): number
  /**
   * One call of `onReady` is due when the exchange has something, when it is woken, or after
   * `timeoutMs` (-1: no limit). Arming again replaces the time.
   */
  loopWatchArm(watch: number, timeoutMs: number): number
  /**
   * The exchange was looked at without arming, and will be in the next turn of Node's loop: that
   * loop need not stop watching what is ready meanwhile.
   */
  loopWatchLooked(watch: number): void
  /** Whether it keeps the process alive from now on. */
  loopWatchKeepAlive(watch: number, keepsAlive: boolean): void
  /** Ends the thread. `onReady` is not called afterwards. */
  loopWatchClose(watch: number): number
  /**
   * Node's 'uncaughtException' with `error`, at once; without a listener the process or the worker
   * ends as it does for any exception.
   */
  throwUncaught(error: unknown): void
}
