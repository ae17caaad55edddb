// What a gateway needs to know of the settings. server/config.ts has all of them.
import type { Limits } from '../rules/limits.ts'

export interface GatewaySettings extends Limits {
  host: string
  /** '': the same as host. See {@link webHostOf}. */
  webHost: string
  trustedProxies: string
  /** What those are at the web port. */
  webProxies: 'http' | 'tcp'
  webOrigins: string
  tlsCert: string
  tlsKey: string
  tlsDoors: string
  logLevel: string
}

/** Where the web port listens. */
export function webHostOf({ webHost, host }: Pick<GatewaySettings, 'webHost' | 'host'>): string {
  return webHost || host
}

/** The words of a setting that is a list, separated by commas. */
export function listOf(text: string): string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
}
