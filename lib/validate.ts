// Checks arguments and returns them typed. Knows ranges and words, no sockets. What the language or
// Node makes is recognized by what it can do, never by `instanceof`: bytes and signals of another
// realm (node:vm, Jest, jsdom) are bytes and signals.
import { types } from 'node:util'
import { invalidArgType, invalidArgValue, outOfRange } from './errors.ts'

/** Milliseconds: -1 (also for undefined) = no limit, 0 = at once, fractions allowed. */
export function timeout(value: unknown, name = 'timeoutMs'): number {
  if (value === undefined) return -1
  if (typeof value !== 'number') throw invalidArgType(name, 'a number', value)
  if (value === -1) return -1
  if (!(value >= 0 && value < Number.POSITIVE_INFINITY))
    throw outOfRange(name, '-1 (no limit), or 0 or more milliseconds', value)
  return value
}

/** An integer from `min` to `max`. */
export function integer(value: unknown, name: string, min: number, max: number): number {
  if (typeof value !== 'number') throw invalidArgType(name, 'a number', value)
  if (!Number.isInteger(value) || value < min || value > max)
    throw outOfRange(name, `an integer from ${min} to ${max}`, value)
  return value
}

/** A number from `min` to `max`, fractions allowed. */
export function number(value: unknown, name: string, min: number, max: number): number {
  if (typeof value !== 'number') throw invalidArgType(name, 'a number', value)
  if (!(value >= min && value <= max))
    throw outOfRange(name, `a number from ${min} to ${max}`, value)
  return value
}

/** A port, 0 to 65,535. */
export function port(value: unknown, name = 'port'): number {
  return integer(value, name, 0, 65_535)
}

export function boolean(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') throw invalidArgType(name, 'a boolean', value)
  return value
}

export function object<T>(value: T, name: string): T & object {
  if (value === null || typeof value !== 'object') throw invalidArgType(name, 'an object', value)
  return value
}

export function callback<T>(value: T, name: string): T {
  if (typeof value !== 'function') throw invalidArgType(name, 'a function', value)
  return value
}

export function abortSignal(value: unknown, name: string): AbortSignal {
  // As Node's own calls do: other realms have an AbortSignal of their own, and so has jsdom.
  if (
    value === null ||
    typeof value !== 'object' ||
    !('aborted' in value) ||
    !('addEventListener' in value)
  )
    throw invalidArgType(name, 'an AbortSignal', value)
  return value as AbortSignal
}

/** Bytes, or a string as UTF-8. */
export function bytes(value: unknown, name: string): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value)
  return uint8Array(value, name)
}

/** A Uint8Array (a Buffer is one) whose memory is there. */
export function uint8Array(value: unknown, name: string): Uint8Array {
  if (!types.isUint8Array(value)) throw invalidArgType(name, 'a Uint8Array or a string', value)
  if (value.length === 0 && isGone(value))
    throw invalidArgValue(
      name,
      value,
      'its ArrayBuffer is detached (it was transferred), or was resized below it'
    )
  return value
}

function isGone(view: Uint8Array): boolean {
  // No property tells an empty view from one whose memory has gone; each method does
  // (ECMAScript, "ValidateTypedArray").
  try {
    view.at(0)
    return false
  } catch {
    return true
  }
}
