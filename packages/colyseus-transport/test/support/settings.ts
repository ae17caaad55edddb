// What a test and its server's process say to each other.

export type TransportName = 'pollport' | 'default'

export interface Settings {
  transport: TransportName
  /** The transport's options. */
  options?: Record<string, unknown>
  port?: number
  hostname?: string
  publicAddress?: string
  express?: boolean
  router?: boolean
  beforeUpgrade?: boolean
  tls?: { key: string; cert: string }
  /** The port of Redis. */
  redis?: number
}

export interface Command {
  do: 'simulateLatency' | 'shutDown' | 'exit' | 'rooms' | 'server'
  ms?: number
}
