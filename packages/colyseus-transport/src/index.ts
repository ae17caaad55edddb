// What the package offers.
export { PollportClient } from './client.ts'
export { Connection, type OnSent } from './connection.ts'
export type { PollportTransportOptions } from './options.ts'
export { PollportTransport } from './transport.ts'
