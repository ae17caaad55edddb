// The one room where errors are made: from the system's numbers, and for arguments. Does not know
// who throws them.
import { getSystemErrorMap } from 'node:util'
import type { EndPoint } from './address.ts'
import { loaded } from './binding/load.ts'
import { WOULD_BLOCK_RESULT } from './binding/socket.ts'
import { linuxErrors } from './errno/linux.ts'
import { errorMessages } from './errno/messages.ts'
import { windowsErrors } from './errno/windows.ts'

/** The end point that an error is about, if there is one. */
type Where = Partial<EndPoint>

interface ErrorTable {
  readonly names: Readonly<Record<number, string>>
}

// Keyed by the mechanism of the addon: each system has numbers of its own for the same names.
const tables: Readonly<Record<string, ErrorTable>> = { epoll: linuxErrors, iocp: windowsErrors }
const table: ErrorTable = tables[loaded?.backend ?? 'epoll']

let numbersByName: Map<string, number> | undefined

/**
 * A system call failed, or you used something that is closed (`EBADF`). docs/errors.md has a
 * section for each code: what happened, and what you can do.
 * @category Common
 * @example
 * ```ts
 * import { Socket, SocketError } from 'pollport'
 *
 * const first = new Socket({ type: 'tcp' })
 * first.bind({ address: '127.0.0.1', port: 0 })
 * const second = new Socket({ type: 'tcp' })
 * try {
 *   second.bind(first.localAddress)
 * } catch (error) {
 *   if (!(error instanceof SocketError)) throw error
 *   console.log(error.code, error.syscall) // EADDRINUSE bind
 * }
 * second.close()
 * first.close()
 * ```
 */
export class SocketError extends Error {
  /** The POSIX name, on every system: `'ECONNRESET'`, `'EADDRINUSE'`, … */
  readonly code: string
  /**
   * The system's own number, positive: an errno of Linux, a WSA code of Windows; 0 if the system
   * has none for this code.
   */
  readonly errno: number
  /** The call that failed: `'recv'`, `'connect'`, `'AcceptEx'`, … */
  readonly syscall: string
  /** The address that the error is about, if there is one. */
  readonly address?: string
  /** The port that the error is about, if there is one. */
  readonly port?: number

  /** pollport makes these; you need it only to fake one in a test. */
  constructor(
    code: string,
    errno: number,
    syscall: string,
    message: string,
    where?: Partial<EndPoint>
  ) {
    const at = where?.address === undefined ? '' : ` ${where.address}:${where.port}`
    super(`${syscall} ${code}${at}: ${message}`)
    this.name = 'SocketError'
    this.code = code
    this.errno = errno
    this.syscall = syscall
    if (where?.address !== undefined) {
      this.address = where.address
      this.port = where.port
    }
  }
}

/** From the system's number, positive. */
export function socketError(errno: number, syscall: string, where?: Where): SocketError {
  const code = table.names[errno] ?? `E${errno}`
  return new SocketError(
    code,
    errno,
    syscall,
    errorMessages[code] ?? 'the system gave no reason',
    where
  )
}

// Where Winsock's own numbers begin (Microsoft Learn, "Windows Sockets Error Codes"); those below
// are the kernel's.
const WINSOCK_BASE = 10_000

/** One number for each name: the lowest of the sockets' own, or else the lowest. */
function numbersOf({ names }: ErrorTable): Map<string, number> {
  const numbers = new Map<string, number>()
  for (const [key, name] of Object.entries(names)) {
    const number = Number(key)
    const known = numbers.get(name)
    if (known === undefined || (known < WINSOCK_BASE && number >= WINSOCK_BASE))
      numbers.set(name, number)
  }
  return numbers
}

/** This system's number for a POSIX name; 0 if it has none. */
export function errorNumber(code: string): number {
  numbersByName ??= numbersOf(table)
  return numbersByName.get(code) ?? 0
}

/** From the POSIX name, for what pollport detects itself. */
export function namedSocketError(
  code: string,
  syscall: string,
  message?: string,
  where?: Where
): SocketError {
  return new SocketError(
    code,
    errorNumber(code),
    syscall,
    message ?? errorMessages[code] ?? code,
    where
  )
}

// The names of calls in the errors of Node's own sockets.
// The bind is a part of listen() there.
const nodesCalls: Readonly<Record<string, string>> = { recv: 'read', send: 'write', bind: 'listen' }
let nodesNumbers: Map<string, number> | undefined

/**
 * The same error in the form that Node's own sockets use: Node's names for the calls, and libuv's
 * number as `errno`, which is negative.
 */
export function asNodesError(error: SocketError): SocketError {
  nodesNumbers ??= new Map([...getSystemErrorMap()].map(([number, [name]]) => [name, number]))
  const { code, message, address, port } = error
  const syscall = nodesCalls[error.syscall] ?? error.syscall
  const reason = message.slice(message.lastIndexOf(': ') + 2)
  const same = new SocketError(code, nodesNumbers.get(code) ?? -error.errno, syscall, reason, {
    address,
    port
  })
  return Object.assign(same, { cause: error })
}

/** For the use of something that is closed: `what` is that, such as `'the poller'`. */
export function alreadyClosed(what: string, syscall: string, where?: Where): SocketError {
  return namedSocketError('EBADF', syscall, `${what} is closed`, where)
}

/**
 * For streams of Node's where Node's loop has no turns: the wait would be for what only such a turn
 * can bring about.
 */
export function needsNodeLoop(syscall: string): SocketError {
  return namedSocketError(
    'EDEADLK',
    syscall,
    "serve(), and 'tls' and 'http' of WebSockets, need turns of Node's loop: use run(), or runLoop() without 'exclusive'"
  )
}

/** Returns a native result, WOULD_BLOCK (-1) for "would block"; throws for a failure. */
export function check(result: number, syscall: string, where?: Where): number {
  if (result >= 0) return result
  if (result === WOULD_BLOCK_RESULT) return -1
  throw socketError(-result, syscall, where)
}

function withCode<E extends Error>(error: E, code: string): E & { code: string } {
  return Object.assign(error, { code })
}

function show(value: unknown): string {
  if (typeof value === 'string')
    return value.length > 40 ? `'${value.slice(0, 40)}…'` : `'${value}'`
  if (
    value === null ||
    value === undefined ||
    typeof value === 'number' ||
    typeof value === 'boolean'
  )
    return String(value)
  if (typeof value === 'function') return 'a function'
  return typeof value === 'object'
    ? `an instance of ${value.constructor?.name ?? 'Object'}`
    : `a ${typeof value}`
}

export function invalidArgType(name: string, expected: string, actual: unknown): TypeError {
  return withCode(
    new TypeError(`${name} must be ${expected}; got ${show(actual)}`),
    'ERR_INVALID_ARG_TYPE'
  )
}

export function invalidArgValue(name: string, actual: unknown, why: string): TypeError {
  return withCode(
    new TypeError(`${name} cannot be ${show(actual)}: ${why}`),
    'ERR_INVALID_ARG_VALUE'
  )
}

/** `why` says which option may be meant. */
export function unknownOption(name: string, why: string, called = 'options'): TypeError {
  const shown = name.length > 40 ? `${name.slice(0, 40)}…` : name
  return withCode(
    new TypeError(`${called}.${shown} does not exist: ${why}`),
    'ERR_INVALID_ARG_VALUE'
  )
}

export function outOfRange(name: string, range: string, actual: unknown): RangeError {
  return withCode(
    new RangeError(`${name} must be ${range}; got ${show(actual)}`),
    'ERR_OUT_OF_RANGE'
  )
}

export function invalidAddress(actual: unknown): TypeError {
  return withCode(
    new TypeError(
      `${show(actual)} is not a numeric IPv4 or IPv6 address; ${addressAdvice(actual)}`
    ),
    'ERR_INVALID_ADDRESS'
  )
}

/** What to write instead of a text that is no address, as far as its form shows what was meant. */
function addressAdvice(actual: unknown): string {
  const text = String(actual)
  if (text === '' || text === '*')
    return "for every interface use '0.0.0.0' or '::'; resolve names with node:dns first"
  if (/^\[[^\]]*\]$/.test(text)) return 'write it without brackets'
  if (/^(?:[\d.]+|\[[^\]]*\]):\d+$/.test(text)) return 'the port is an option of its own'
  if (/^[\da-fA-F:.]*:[\da-fA-F:.]*%/.test(text))
    return 'after the % stands the name or number of an interface of this machine'
  return 'resolve names with node:dns first, since resolving blocks'
}

/** Of a server of Node's, as its own listen() has it. */
export function serverListensAlready(): Error {
  return withCode(
    new Error('the server listens already; close() it before you serve it again'),
    'ERR_SERVER_ALREADY_LISTEN'
  )
}

/** For a class or backend of the other system, or a system that pollport does not support. */
export function unsupportedPlatform(what: string): Error {
  return withCode(
    new Error(`${what} does not exist on this system; see 'supported' and 'backends'`),
    'ERR_UNSUPPORTED_PLATFORM'
  )
}
