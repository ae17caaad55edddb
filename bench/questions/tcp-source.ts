// One direction alone: the server sends, clients read.
import type { Question } from '../question.ts'
import { ofAllSizes } from '../sizes.ts'

export const question: Question = {
  name: 'tcp-source',
  title:
    'one message in flight on each connection, which the server sends for one byte that asks for it',
  role: 'source',
  load: 'source',
  ...ofAllSizes,
  notInPages: true
}
