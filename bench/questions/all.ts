// All benchmarks, in the order in which they run and are shown.
import type { Question } from '../question.ts'
import { question as costWithSize } from './cost-with-size.ts'
import { question as garbage } from './garbage.ts'
import { question as httpHello } from './http-hello.ts'
import { question as idleMemory } from './idle-memory.ts'
import { question as runInNode } from './run-in-node.ts'
import { question as tcpAccept } from './tcp-accept.ts'
import { question as tcpBroadcast } from './tcp-broadcast.ts'
import { question as tcpChatty } from './tcp-chatty.ts'
import { question as tcpEcho } from './tcp-echo.ts'
import { question as tcpSink } from './tcp-sink.ts'
import { question as tcpSizes } from './tcp-sizes.ts'
import { question as tcpSource } from './tcp-source.ts'
import { question as tcpTransfer } from './tcp-transfer.ts'
import { question as tick } from './tick.ts'
import { question as udpEcho } from './udp-echo.ts'
import { question as udpFanout } from './udp-fanout.ts'
import { question as wsAccept } from './ws-accept.ts'
import { question as wsEcho } from './ws-echo.ts'
import { question as wsIdleMemory } from './ws-idle-memory.ts'
import { question as wsPublish } from './ws-publish.ts'

export const questions: Question[] = [
  tcpEcho,
  tcpTransfer,
  tcpSizes,
  tcpSink,
  tcpSource,
  tcpChatty,
  tcpBroadcast,
  tcpAccept,
  udpEcho,
  udpFanout,
  idleMemory,
  tick,
  runInNode,
  httpHello,
  wsEcho,
  wsPublish,
  wsIdleMemory,
  wsAccept,
  costWithSize,
  garbage
]
