// The one room where errors are made: from the system's numbers, and for arguments. Refuses to know
// where they are thrown.
import { getSystemErrorMap } from 'node:util'
import { loaded } from './binding/load.ts'
import { WOULD_BLOCK_RESULT } from './binding/socket.ts'
import { linuxErrors } from './errno/linux.ts'
import { errorMessages } from './errno/messages.ts'
import { windowsErrors } from './errno/windows.ts'

/** Where an error happened, if that matters. */
interface Where {
  address?: string
  port?: number
}

interface ErrorTable {
  readonly names: Readonly<Record<number, string>>
}

// Keyed by what the addon stands on: each system has numbers of its own for the same names.
const tables: Readonly<Record<string, ErrorTable>> = { epoll: linuxErrors, iocp: windowsErrors }
const table: ErrorTable = tables[loaded?.backend ?? 'epoll']

let numbersByName: Map<string, number> | undefined

/** A failure that the system reported, or use of something closed (`EBADF`). */
export class SocketError extends Error {
  /** The POSIX name on every system, such as `'ECONNRESET'`. */
  readonly code: string
  /** The system's own number. */
  readonly errno: number
  /** What failed: `'recv'`, `'connect'`, … */
  readonly syscall: string
  /** The numeric address that the call was about, where that matters. */
  readonly address?: string
  /** The port that belongs to `address`. */
  readonly port?: number

  /** @internal Made by {@link socketError} and {@link namedSocketError} alone. */
  constructor(code: string, errno: number, syscall: string, message: string, where?: Where) {
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
    errorMessages[code] ?? 'the system gives no reason',
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

/** From the POSIX name, for what pollport finds out by itself. */
export function namedSocketError(
  code: string,
  syscall: string,
  message?: string,
  where?: Where
): SocketError {
  numbersByName ??= numbersOf(table)
  return new SocketError(
    code,
    numbersByName.get(code) ?? 0,
    syscall,
    message ?? errorMessages[code] ?? code,
    where
  )
}

// What a call is called in the errors of Node's own sockets.
const nodesCalls: Readonly<Record<string, string>> = { recv: 'read', send: 'write' }
let nodesNumbers: Map<string, number> | undefined

/**
 * The same as an error of Node's own sockets has it: the calls have Node's names, and `errno` is
 * libuv's number, which is negative.
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

/** Use after close. */
export function alreadyClosed(syscall: string): SocketError {
  return namedSocketError('EBADF', syscall, 'it is closed')
}

/** Gives a native result back, WOULD_BLOCK (-1) for "would block", and throws for a failure. */
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
export function unknownOption(name: string, why: string): TypeError {
  const shown = name.length > 40 ? `${name.slice(0, 40)}…` : name
  return withCode(new TypeError(`options.${shown} does not exist: ${why}`), 'ERR_INVALID_ARG_VALUE')
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
      `${show(actual)} is no numeric IPv4 or IPv6 address; resolve names with node:dns first, since resolving blocks`
    ),
    'ERR_INVALID_ADDRESS'
  )
}

/** A class or backend of the other system, or a system that pollport has nothing for. */
export function unsupportedPlatform(what: string): Error {
  return withCode(
    new Error(`${what} does not exist on this system; 'supported' and 'backends' tell what does`),
    'ERR_UNSUPPORTED_PLATFORM'
  )
}
