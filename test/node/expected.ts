// Node's tests that pass over a plain stream.Duplex and fail over pollport, and why that stays so.
// A test that is listed here and passes fails the run: the list says what differs today.

interface Difference {
  readonly reason: string
  readonly tests: readonly string[]
  /**
   * The stream's timing decides, which a quick machine may make pass: it is no failure either way.
   */
  readonly varies?: true
}

export const expectedDifferences: readonly Difference[] = [
  {
    reason:
      'an error has the code, errno and syscall that a net.Socket gives it, but the text and the class of SocketError',
    tests: [
      'test-net-better-error-messages-listen', // here also the call: it was bind() that failed
      'test-net-connect-reset-after-destroy',
      'test-net-connect-reset-until-connected',
      'test-net-socket-reset-send'
    ]
  },
  {
    reason: 'unref() does nothing: it is the poller that keeps a process alive',
    tests: ['test-net-socket-timeout-unref']
  },
  {
    reason:
      "http2 both ends and resets a stream whose file cannot be read; which of the two the peer sees is a matter of the stream's timing",
    tests: ['test-http2-respond-file-fd-invalid'],
    varies: true
  }
]
