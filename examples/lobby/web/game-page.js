// @ts-check
// What a game's part of the page is: games/<name>/page.js. This file only describes it.

/**
 * A match begins; `own` is the player's number in `players`, or -1 for who watches. It may begin
 * again: somebody has joined, or the connection was lost in between.
 * @typedef {{ number: number, players: readonly string[], own: number }} Beginning
 *
 * `seq`: of the player's last input that counted.
 * @typedef {{ match: number, tick: number, seq: number, view: any }} GameState
 *
 * What the page gives to a game. `bar` is above the game, beside the clock, for scores. `play`
 * sends an input, numbers it, and returns the number; what cannot be sent now is dropped. `dom`:
 * dom.js, for those who like it.
 * @typedef {object} GameTools
 * @property {HTMLElement} root
 * @property {HTMLElement} bar
 * @property {(input: object) => number} play
 * @property {() => void} focusChat
 * @property {typeof import('./dom.js')} dom
 *
 * One for each game, for as long as the page is open. `render` is called a few times a second and
 * after every message; who draws more often asks for frames.
 * @typedef {object} GamePage
 * @property {(beginning: Beginning) => void} begin
 * @property {(state: GameState, nowMs: number) => void} onState
 * @property {(event: any, nowMs: number) => void} [onEvent]
 * @property {(view: { latencyMs: number | undefined, nowMs: number }) => void} [render]
 * @property {() => void} end
 * @property {() => void} [focus] Puts the keyboard where it should be. Default: on the first thing
 *   of the game that can be used.
 *
 * What page.js exports. `howTo` is HTML for those who wait in the room.
 * @typedef {object} GameModule
 * @property {new (tools: GameTools) => GamePage} default
 * @property {string} howTo
 * @property {(settings: any) => string} [goal] What wins, in a sentence: of the room's settings.
 * @property {string} [scoreWord] The heading of the scores. Default: Score.
 */

export {}
