// The rules: play a card of the same suit or rank as the one on the table, or draw one; the first
// with an empty hand wins. What one player may know of it is in viewOf() alone.
import type { Beginning, Outcome } from '../../rules/game.ts'

/** Rank and suit, such as 'TH', the ten of hearts. */
export type Card = string
export const RANKS = '23456789TJQKA'
export const SUITS = 'CDHS'
export const deck: readonly Card[] = [...SUITS].flatMap((suit) =>
  [...RANKS].map((rank) => rank + suit)
)
/** Nobody should play for ever: then the fewest cards win. */
const MAX_TURNS = 500

export interface CardsSettings {
  handCards: number
  turnMs: number
}

export interface Turn {
  /** A turn that is over is none: what comes late, or twice, changes nothing. */
  turn: number
  /** undefined: draws one. */
  card?: Card | undefined
}

/** What everybody gets to know at once. */
export type CardsEvent =
  | { type: 'played'; player: number; card: Card }
  | { type: 'drew'; player: number }
  | { type: 'passed'; player: number }

export interface CardsState {
  readonly settings: CardsSettings
  readonly random: () => number
  /** By player; undefined: has left. */
  readonly hands: (Card[] | undefined)[]
  /** The next card to draw comes last. */
  stock: Card[]
  /** The one on the table comes last. */
  readonly played: Card[]
  player: number
  turn: number
  turnEndsMs: number
  /** Turns in a row in which nobody could do anything. */
  passes: number
}

/** What a player may know. */
export interface CardsView {
  /** Its own cards; a spectator has none. */
  hand?: Card[]
  /** How many cards each player has; null: has left. */
  counts: (number | null)[]
  table: Card
  stock: number
  /** Whose turn it is, and which it is. */
  player: number
  turn: number
}

export function begin({ players, settings, random, now }: Beginning<CardsSettings>): CardsState {
  const stock = shuffled(deck, random)
  const hands = players.map(() => stock.splice(-settings.handCards))
  const played = stock.splice(-1)
  const turnEndsMs = now + settings.turnMs
  return { settings, random, hands, stock, played, player: 0, turn: 1, turnEndsMs, passes: 0 }
}

export function viewOf(state: CardsState, player?: number): CardsView {
  const { hands, stock, played } = state
  const hand = player === undefined ? undefined : hands[player]
  return {
    ...(hand === undefined ? {} : { hand: [...hand] }),
    counts: hands.map((cards) => cards?.length ?? null),
    table: onTable(played),
    stock: stock.length,
    player: state.player,
    turn: state.turn
  }
}

export function fits(card: Card, table: Card): boolean {
  return card[0] === table[0] || card[1] === table[1]
}

/** Ignored unless it is this player's turn and its card, and the card fits. */
export function play(
  state: CardsState,
  player: number,
  { turn, card }: Turn,
  nowMs: number
): CardsEvent[] {
  const hand = state.hands[player]
  if (hand === undefined || player !== state.player || turn !== state.turn) return []
  if (card === undefined) return draw(state, nowMs)
  const at = hand.indexOf(card)
  if (at === -1 || !fits(card, onTable(state.played))) return []
  hand.splice(at, 1)
  state.played.push(card)
  state.passes = 0
  next(state, nowMs)
  return [{ type: 'played', player, card }]
}

/** A player who takes too long draws a card. */
export function lookAtClock(state: CardsState, nowMs: number): CardsEvent[] {
  return nowMs < state.turnEndsMs ? [] : draw(state, nowMs)
}

/** The cards go under the others. */
export function leave(state: CardsState, player: number): void {
  const hand = state.hands[player]
  if (hand === undefined) return
  state.hands[player] = undefined
  state.stock.unshift(...shuffled(hand, state.random))
  // Its clock goes on for the next one, who had no part in it
  if (state.player === player) next(state, state.turnEndsMs - state.settings.turnMs)
}

export function outcome({ hands, turn, passes }: CardsState): Outcome | undefined {
  const left = hands.filter((hand) => hand !== undefined)
  const isStuck = passes >= left.length || turn > MAX_TURNS
  if (left.length > 1 && !isStuck && left.every((hand) => hand.length > 0)) return undefined
  const places = hands.map((hand) => {
    if (hand === undefined) return 0
    return 1 + left.filter((other) => other.length < hand.length).length
  })
  const others = left.reduce((sum, hand) => sum + hand.length, 0)
  const scores = hands.map((hand, player) => {
    return hand !== undefined && places[player] === 1 ? others - hand.length : 0
  })
  return { places, scores }
}

/** Of whose turn it is; a pass when there is nothing to draw. Which card it was is a secret. */
function draw(state: CardsState, nowMs: number): CardsEvent[] {
  const { player, played, random } = state
  if (state.stock.length === 0) state.stock = shuffled(played.splice(0, played.length - 1), random)
  const card = state.stock.pop()
  if (card === undefined) state.passes++
  else {
    state.hands[player]?.push(card)
    state.passes = 0
  }
  next(state, nowMs)
  return [{ type: card === undefined ? 'passed' : 'drew', player }]
}

function next(state: CardsState, nowMs: number): void {
  state.turn++
  state.turnEndsMs = nowMs + state.settings.turnMs
  for (let step = 0; step < state.hands.length; step++) {
    state.player = (state.player + 1) % state.hands.length
    if (state.hands[state.player] !== undefined) return
  }
}

function onTable(played: readonly Card[]): Card {
  return played[played.length - 1]
}

/** Fisher and Yates, from the end. */
function shuffled(cards: readonly Card[], random: () => number): Card[] {
  const mixed = [...cards]
  for (let at = mixed.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1))
    ;[mixed[at], mixed[other]] = [mixed[other], mixed[at]]
  }
  return mixed
}
