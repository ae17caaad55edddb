// All scenarios, each in a file of its own.
import { cluster } from './cluster.ts'
import { datagrams } from './datagrams.ts'
import { frames } from './frames.ts'
import { lobby } from './lobby.ts'
import { model } from './model.ts'
import type { Scenario } from './scenario.ts'
import { websockets } from './websockets.ts'

export const scenarios: readonly Scenario[] = [frames, datagrams, websockets, model, lobby, cluster]
