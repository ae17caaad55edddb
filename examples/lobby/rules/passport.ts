// What travels with a player from one node of a cluster to another. Plain JSON; what does not fit
// into it stays behind.
import { z } from 'zod'
import type { RoomFilter, ServerMessage } from '../wire/protocol.ts'

/** One life of a node: the epoch is a new number each time it joins. */
export interface NodeRef {
  readonly id: string
  readonly epoch: number
}

export function isSameNode(one: NodeRef, other: NodeRef): boolean {
  return one.id === other.id && one.epoch === other.epoch
}

/** A player, as another node makes it anew. */
export interface Passport {
  readonly id: string
  readonly name: string
  readonly account: string
  /** Of the one resume token that is good now. */
  readonly serial: number
  /** How often it has changed its node; see PlayerEntry of the directory. */
  readonly moves: number
  /** The player is known to have that token. */
  readonly hasToken: boolean
  readonly muted: readonly string[]
  readonly said: readonly string[]
  /** It watches the list of rooms. */
  readonly watching?: RoomFilter
  /** The end of a match that it was away from. */
  readonly missed?: ServerMessage
  /** The name of the room that it is in, for a word to it when that is lost. */
  readonly room?: string
  readonly standing?: Standing
  /** Where it sits down when it arrives. */
  readonly seat?: SeatTicket
}

/** What the results of an account have come to. */
export interface Standing {
  readonly key: string
  readonly skill: number
  /** Whether the key is this account's, and nobody else's. */
  readonly isKnown: boolean
}

/** A seat in a room that comes into being where the first of its players arrives. */
export interface SeatTicket {
  readonly room: {
    readonly name: string
    readonly code?: string
    /** Of the request that made it, as the directory has it. */
    readonly creationId?: string
    readonly game: string
    readonly settings: Readonly<Record<string, unknown>>
    readonly capacity: number
    readonly isPrivate: boolean
    readonly password?: string
    /** The ids of all who come. */
    readonly expected: readonly string[]
    /** The id of the host. */
    readonly host: string
  }
  readonly isReady: boolean
  readonly isSpectator: boolean
}

/** Why a player is at its own node again although it should be at another one. */
export type Homecoming =
  /** The other node could not be reached, or lives another life: nothing was done there. */
  | 'unreachable'
  /** That node is lost, and the room with it. */
  | 'lost'

const MAX_MARKS = 1_000

/** Other fields pass: nodes may run different versions while they are updated. */
const passportSchema = z.looseObject({
  id: z.string().min(1).max(64),
  name: z.string().min(1).max(200),
  account: z.string().min(1).max(64),
  serial: z.int().min(0),
  moves: z.int().min(0),
  hasToken: z.boolean(),
  muted: z.array(z.string().max(100)).max(MAX_MARKS),
  said: z.array(z.string().max(10_000)).max(100)
})

/** Of what another node sent; undefined when it is no passport. */
export function passportFrom(value: unknown): Passport | undefined {
  return passportSchema.safeParse(value).data as Passport | undefined
}
