// Which backend a poller gets: the one whose objects the addon exports.
import { addon } from '../../binding/load.ts'
import { invalidArgValue, unsupportedPlatform } from '../../errors.ts'
import type { Backend } from '../backend.ts'
import type { BatchCalls } from '../options.ts'
import { EpollBackend } from './epoll.ts'
import { IocpBackend } from './iocp.ts'

/**
 * `owner` is the poller: when it is collected unclosed, the backend's native side is closed too.
 */
export function chooseBackend(
  wanted: string,
  batchCalls: BatchCalls | undefined,
  owner: object
): Backend {
  if (wanted !== 'auto' && wanted !== 'epoll' && wanted !== 'iocp')
    throw invalidArgValue('backend', wanted, "it is one of 'auto', 'epoll', 'iocp'")
  const has = addon().backend
  if (wanted !== 'auto' && wanted !== has) throw unsupportedPlatform(`backend '${wanted}'`)
  return has === 'epoll' ? new EpollBackend(owner, batchCalls) : new IocpBackend(owner)
}
