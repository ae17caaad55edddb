// A socket that Node has bound and nobody uses yet becomes one of ours. Knows Node's
// net.BoundSocket, and not what the poller makes of the socket.
import net from 'node:net'
import { addon } from '../binding/load.ts'
import { DESCRIBE } from '../binding/socket.ts'
import { check, invalidArgType, invalidArgValue, namedSocketError } from '../errors.ts'
import { Socket } from '../raw/socket.ts'

/**
 * What a `net.BoundSocket` of `node:net` has (Node 26, and late versions of Node 24): a TCP socket
 * that is bound to its address and does nothing yet. Here are only the members that pollport uses,
 * so that your types need not be those of Node 26. Only a real `net.BoundSocket` is taken.
 */
export interface BoundSocket {
  /** Where it is bound: an object, or the path of a local socket, which is refused. */
  address(): object | string
  /** Its descriptor, or -1 on a system that has none for sockets. */
  fd(): number
  /** Closes it, unless it was given away. */
  close(): void
}

function descriptorOf(bound: BoundSocket, call: string): number {
  try {
    return bound.fd()
  } catch (cause) {
    // Only when the socket is closed or in use (Node.js documentation, "net.BoundSocket").
    throw Object.assign(namedSocketError('EBADF', call, 'the bound socket is closed, or in use'), {
      cause
    })
  }
}

/**
 * A second descriptor of the socket, as a `Socket` of ours that does not block; of that family, if
 * it matters. The BoundSocket keeps its own: close it when the rest has gone well.
 */
export function duplicateBound(bound: BoundSocket, call: string, family?: 'ipv4' | 'ipv6'): Socket {
  if (bound === null || typeof bound !== 'object')
    throw invalidArgType('bound', 'a net.BoundSocket', bound)
  const native = addon()
  const { BoundSocket: Bound } = net as { BoundSocket?: new () => BoundSocket }
  if (Bound === undefined)
    throw namedSocketError('ENOTSUP', call, 'this version of Node has no net.BoundSocket')
  if (!(bound instanceof Bound)) throw invalidArgType('bound', 'a net.BoundSocket', bound)
  const fd = descriptorOf(bound, call)
  if (native.fcntlDupFd === undefined || fd < 0)
    throw namedSocketError('ENOTSUP', call, 'sockets have no descriptors on this system')
  if (typeof bound.address() === 'string')
    throw invalidArgValue('bound', bound, 'it is bound to a path, and no TCP socket')
  const what = check(native.socketDescribe(fd), 'getsockopt')
  if ((what & (DESCRIBE.listening | DESCRIBE.connected)) !== 0)
    throw invalidArgValue('bound', bound, 'it listens or is connected already')
  const own = (what & DESCRIBE.ipv6) !== 0 ? 'ipv6' : 'ipv4'
  if (family !== undefined && own !== family)
    throw namedSocketError('EAFNOSUPPORT', call, `the bound socket is ${own}`)
  return Socket.fromHandle(check(native.fcntlDupFd(fd), 'fcntl'), { nonBlocking: true })
}
