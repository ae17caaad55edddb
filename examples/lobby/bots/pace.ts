// How fast bots do what they do. Every number has its unit in its name.

export const pace = {
  /**
   * Of the bots' loop. Many, so that few of ten thousand act in the same tick: real players do not
   * move in step.
   */
  ticksPerSecond: 200,
  /** Between two things that a bot does, evenly spread. */
  minPauseMs: 400,
  maxPauseMs: 2_400,
  /** Before an answer to somebody: quick, but not all bots in the same moment. */
  minReplyMs: 200,
  maxReplyMs: 900,
  pingEveryMs: 1_000,
  /** A ping without an answer for so long is an error, and the bot closes the connection. */
  noAnswerMs: 10_000,
  playEveryMs: 100,
  /** A lost connection is tried again after so long. */
  reconnectMs: 2_000,
  reportEveryMs: 1_000,

  /**
   * A hello by datagram without an answer is sent again, so often; then the match is played over
   * TCP.
   */
  helloEveryMs: 300,
  maxHellos: 10,
  /** Once the path is open: a hello now and then keeps it open. */
  helloAgainMs: 10_000,

  /**
   * The ramp: new connections, and no more than so many that are not signed in yet, which the
   * listener's backlog holds easily.
   */
  connectsPerSecond: 500,
  maxArriving: 64
}
