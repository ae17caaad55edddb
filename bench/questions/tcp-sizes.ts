// Middle and large messages back and forth: what is received is soon sent, so that it costs least
// while it is still in the processor's caches.
import type { Question } from '../question.ts'
import { ofAllSizes } from '../sizes.ts'

export const question: Question = {
  name: 'tcp-sizes',
  title: 'one message in flight on each connection, echoed, in many sizes',
  role: 'echo',
  load: 'echo',
  ...ofAllSizes
}
