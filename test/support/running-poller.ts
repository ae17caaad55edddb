// A poller that lives inside Node's own loop for the length of a test, for what speaks over
// streams.
import { Poller } from 'pollport'
import { onTestFinished } from 'vitest'

/** Runs until the test ends. `onAccept` gets each accepted connection in its `accept` event. */
export function runningPoller(
  onAccept: (connection: import('pollport').TcpConnection<unknown>) => void,
  options?: ConstructorParameters<typeof Poller>[0]
): Poller<unknown> {
  const poller = new Poller<unknown>(options)
  const running = poller.run((events) => {
    for (const event of events) if (event.type === 'accept') onAccept(event.socket)
  })
  onTestFinished(async () => {
    poller.close()
    await running
  })
  return poller
}
