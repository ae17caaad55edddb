// What two nodes of a cluster say to each other, and as which bytes. What comes with each message
// of a player has a form of its own; everything else is JSON with whole frames behind it. Measured
// for a chat line, both ways: 0.2 µs in the first form, 1.2 µs in the second, and 9 µs by
// `node:v8`, which would have needed no code here.

import { z } from 'zod'
import { type NodeRef, type Passport, passportFrom } from '../rules/passport.ts'
import { LENGTH_BYTES, type RefusalCode } from '../wire/protocol.ts'

type Frames = readonly Uint8Array[]

/**
 * A client has a number that the node of its connection gives it, another one each time it goes
 * over to a hub.
 */
export type LinkCall =
  // From the node of a connection to the hub where its player lives
  | readonly ['adopt', client: number, address: string, Passport | undefined, Frames]
  | readonly ['receive', client: number, frame: Uint8Array]
  | readonly ['input', client: number, match: number, seq: number, input: Uint8Array]
  | readonly ['lose', client: number]
  | readonly ['leave', client: number, reason: RefusalCode]
  /** The answer to `move`: nothing that comes after it is for that hub. */
  | readonly ['moved', client: number]
  // From that hub
  | readonly ['deliver', clients: readonly number[], frame: Uint8Array]
  | readonly ['deliverState', clients: readonly number[], game: string, state: Uint8Array]
  | readonly ['dismiss', client: number, frame: Uint8Array]
  | readonly ['move', client: number, to: NodeRef, Passport | undefined, Frames]
  | readonly ['passport', client: number, Passport | undefined]
  /** Came after the client had moved: for the next hub, in this order. */
  | readonly ['late', client: number, frame: Uint8Array]
  /** The answer to `moved`: there are no more of these. */
  | readonly ['moveEnds', client: number]
  // Between the nodes
  /** Is answered with `pong` and the same number. */
  | readonly ['ping', number: number, hasDirectory: boolean]
  | readonly ['pong', number: number, hasDirectory: boolean]
  | readonly ['request', number: number, body: object]
  | readonly ['answer', number: number, body: object | undefined, error: string | undefined]
  /** The node ends in order. */
  | readonly ['ends']

/** Of one call, in bytes. */
export const MAX_CALL_BYTES = 1024 * 1024
/** Of one `deliver`: more are several calls. */
export const MAX_CLIENTS = 16_384
/** Each call has its length before it. */
export const CALL_LENGTH_BYTES = 4

const KIND = { json: 0, receive: 1, input: 2, deliver: 3, deliverState: 4 } as const
const KIND_BYTES = 1
const NUMBER_BYTES = 4
const MAX_GAME_BYTES = 255

/** What a node sent is no call. */
export class LinkCallError extends Error {
  readonly code = 'ERR_LINK_CALL'
}

// ---- Writing ----

/** How many bytes a call takes at most, with its length. */
export function mostBytesOf(call: LinkCall): number {
  const head = CALL_LENGTH_BYTES + KIND_BYTES
  switch (call[0]) {
    case 'receive':
      return head + NUMBER_BYTES + call[2].length
    case 'input':
      return head + 3 * NUMBER_BYTES + call[4].length
    case 'deliver':
      return head + (1 + call[1].length) * NUMBER_BYTES + call[2].length
    case 'deliverState':
      return head + 1 + MAX_GAME_BYTES + (1 + call[1].length) * NUMBER_BYTES + call[3].length
    default:
      return 0 // JSON has to be written to be measured
  }
}

/** Writes one that {@link mostBytesOf} knows the size of; returns how many bytes it has. */
export function writeCall(call: LinkCall, into: Buffer, start: number): number {
  let at = start + CALL_LENGTH_BYTES + KIND_BYTES
  const number = (value: number) => {
    at = into.writeUInt32BE(value, at)
  }
  const bytes = (value: Uint8Array) => {
    into.set(value, at)
    at += value.length
  }
  const clients = (ids: readonly number[]) => {
    number(ids.length)
    for (const id of ids) at = into.writeUInt32BE(id, at)
  }
  let kind: number
  switch (call[0]) {
    case 'receive':
      kind = KIND.receive
      number(call[1])
      bytes(call[2])
      break
    case 'input':
      kind = KIND.input
      number(call[1])
      number(call[2])
      number(call[3])
      bytes(call[4])
      break
    case 'deliver':
      kind = KIND.deliver
      clients(call[1])
      bytes(call[2])
      break
    case 'deliverState': {
      kind = KIND.deliverState
      clients(call[1])
      const length = into.write(call[2], at + 1)
      into[at] = length
      at += 1 + length
      bytes(call[3])
      break
    }
    default:
      throw new TypeError(`${call[0]} is written as JSON`)
  }
  into[start + CALL_LENGTH_BYTES] = kind
  into.writeUInt32BE(at - start - CALL_LENGTH_BYTES, start)
  return at - start
}

/** Any other one. Throws a RangeError for one that is too long. */
export function encodeCall(call: LinkCall): Buffer {
  const { args, frames } = asJson(call)
  const json = Buffer.from(JSON.stringify([call[0], ...args]))
  const length = frames.reduce(
    (sum, frame) => sum + NUMBER_BYTES + frame.length,
    KIND_BYTES + NUMBER_BYTES + json.length
  )
  if (length > MAX_CALL_BYTES)
    throw new RangeError(`a call of ${length} bytes: ${call[0]}; at most ${MAX_CALL_BYTES}`)
  const encoded = Buffer.allocUnsafe(CALL_LENGTH_BYTES + length)
  let at = encoded.writeUInt32BE(length, 0)
  at = encoded.writeUInt8(KIND.json, at)
  for (const part of [json, ...frames]) {
    at = encoded.writeUInt32BE(part.length, at)
    encoded.set(part, at)
    at += part.length
  }
  return encoded
}

function asJson(call: LinkCall): { args: unknown[]; frames: Frames } {
  switch (call[0]) {
    case 'adopt':
    case 'move':
      return { args: [call[1], call[2], call[3] ?? null], frames: call[4] }
    case 'dismiss':
    case 'late':
      return { args: [call[1]], frames: [call[2]] }
    case 'passport':
      return { args: [call[1], call[2] ?? null], frames: [] }
    case 'answer':
      return { args: [call[1], call[2] ?? null, call[3] ?? null], frames: [] }
    default:
      return { args: call.slice(1), frames: [] }
  }
}

// ---- Reading ----

const client = z.int().min(0).max(0xff_ff_ff_ff)
const node = z.object({ id: z.string().min(1).max(200), epoch: z.int().min(0) })
const passport = z.unknown().transform((value, context) => {
  const found = value === null ? undefined : passportFrom(value)
  if (found !== undefined || value === null) return found
  context.addIssue('no passport')
  return z.NEVER
})
const optional = <T extends z.ZodType>(schema: T) =>
  schema.nullable().transform((value) => value ?? undefined)
const body = z.record(z.string(), z.unknown())

/** Of calls in JSON: what comes before the frames, and how many of these there may be. */
const FORMS: Record<string, readonly [z.ZodType<unknown[]>, leastFrames: number, most: number]> = {
  adopt: [z.tuple([client, z.string().max(100), passport]), 0, Infinity],
  lose: [z.tuple([client]), 0, 0],
  // One that this version does not know is no harm: it is only counted.
  leave: [z.tuple([client, z.string().max(40)]), 0, 0],
  moved: [z.tuple([client]), 0, 0],
  dismiss: [z.tuple([client]), 1, 1],
  move: [z.tuple([client, node, passport]), 0, Infinity],
  passport: [z.tuple([client, passport]), 0, 0],
  late: [z.tuple([client]), 1, 1],
  moveEnds: [z.tuple([client]), 0, 0],
  ping: [z.tuple([z.int(), z.boolean()]), 0, 0],
  pong: [z.tuple([z.int(), z.boolean()]), 0, 0],
  request: [z.tuple([z.int(), body]), 0, 0],
  answer: [z.tuple([z.int(), optional(body), optional(z.string())]), 0, 0],
  ends: [z.tuple([]), 0, 0]
}
/** Those with a list of frames as their last argument, also of none. */
const LISTS = new Set(['adopt', 'move'])

/**
 * Reads a call, without its length. Frames are views of `bytes`, but of what goes to clients, which
 * their gateways may keep for a while.
 * @throws LinkCallError for whatever is no call
 */
export function decodeCall(bytes: Buffer): LinkCall {
  try {
    return decode(bytes)
  } catch (error) {
    if (error instanceof LinkCallError) throw error
    // Beyond the end of the bytes, or no JSON
    throw new LinkCallError(`${bytes.length} bytes that are no call`, { cause: error })
  }
}

function decode(bytes: Buffer): LinkCall {
  switch (bytes[0]) {
    case KIND.receive:
      return ['receive', bytes.readUInt32BE(1), bytes.subarray(5)]
    case KIND.input:
      return [
        'input',
        bytes.readUInt32BE(1),
        bytes.readUInt32BE(5),
        bytes.readUInt32BE(9),
        bytes.subarray(13)
      ]
    case KIND.deliver: {
      const { clients, end } = readClients(bytes)
      return ['deliver', clients, ownFrame(bytes.subarray(end))]
    }
    case KIND.deliverState: {
      const { clients, end } = readClients(bytes)
      const gameEnd = end + 1 + bytes.readUInt8(end)
      if (gameEnd >= bytes.length) throw new LinkCallError('a state without bytes')
      const game = bytes.toString('utf8', end + 1, gameEnd)
      return ['deliverState', clients, game, Buffer.from(bytes.subarray(gameEnd))]
    }
    case KIND.json:
      return readJson(bytes)
    default:
      throw new LinkCallError(`a call of the unknown kind ${bytes[0]}`)
  }
}

function readClients(bytes: Buffer): { clients: number[]; end: number } {
  const count = bytes.readUInt32BE(1)
  const end = KIND_BYTES + NUMBER_BYTES + count * NUMBER_BYTES
  if (end > bytes.length) throw new LinkCallError(`${count} clients in ${bytes.length} bytes`)
  const clients: number[] = []
  for (let at = KIND_BYTES + NUMBER_BYTES; at < end; at += NUMBER_BYTES)
    clients.push(bytes.readUInt32BE(at))
  return { clients, end }
}

/** A copy of a message to clients: with a wrong length it would spoil all that follows. */
function ownFrame(frame: Uint8Array): Buffer {
  const own = Buffer.from(frame)
  if (own.readUInt16BE(0) !== own.length - LENGTH_BYTES)
    throw new LinkCallError('a frame with a wrong length')
  return own
}

function readJson(bytes: Buffer): LinkCall {
  const parts: Buffer[] = []
  for (let at = KIND_BYTES; at < bytes.length; ) {
    const end = at + NUMBER_BYTES + bytes.readUInt32BE(at)
    if (end > bytes.length) throw new LinkCallError('a part is longer than its call')
    parts.push(bytes.subarray(at + NUMBER_BYTES, end))
    at = end
  }
  const [json, ...frames] = parts
  const [name, ...rest] = JSON.parse(json.toString()) as [string, ...unknown[]]
  const form = Object.hasOwn(FORMS, name) ? FORMS[name] : undefined
  if (form === undefined) throw new LinkCallError(`the unknown call ${String(name).slice(0, 40)}`)
  const [schema, least, most] = form
  const { data, success } = schema.safeParse(rest)
  if (!success || frames.length < least || frames.length > most)
    throw new LinkCallError(`${name} in a form that it does not have`)
  if (LISTS.has(name)) return [name, ...data, frames] as unknown as LinkCall
  if (name === 'dismiss') return [name, ...data, ownFrame(frames[0])] as unknown as LinkCall
  return [name, ...data, ...frames] as unknown as LinkCall
}
