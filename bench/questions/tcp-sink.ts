// One direction alone: clients send, the server reads.
import type { Question } from '../question.ts'
import { ofAllSizes } from '../sizes.ts'

export const question: Question = {
  name: 'tcp-sink',
  title:
    'one message in flight on each connection, which the server reads and answers with one byte',
  role: 'sink',
  load: 'sink',
  ...ofAllSizes,
  notInPages: true
}
