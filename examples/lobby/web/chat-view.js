// @ts-check
// A chat: what was said, and a line to say something. The lobby has one and each room has one.
import { fromTemplate, KeyedList, limitChars, part, setText, show } from './dom.js'

/** @typedef {import('./state.js').Line} Line */

/** Scrolled up further than this, the player is reading, and the list does not scroll. */
const NEAR_END_PX = 60

export class ChatView {
  #log
  #empty
  #input
  /** @type {KeyedList<Line>} */
  #lines
  #lastId = 0

  /**
   * @param {HTMLElement} panel
   * @param {{ title: string, empty: string, say: (text: string) => void, onEscape?: () => void }}
   *   options
   */
  constructor(panel, { title, empty, say, onEscape }) {
    panel.append(fromTemplate('chat-panel'))
    setText(part(panel, 'title'), title)
    this.#log = part(panel, 'log')
    this.#log.setAttribute('aria-label', title)
    part(panel, 'log-frame').setAttribute('aria-label', title)
    this.#empty = part(panel, 'empty')
    setText(this.#empty, empty)
    this.#input = /** @type {HTMLInputElement} */ (part(panel, 'text'))
    this.#input.placeholder = 'Write, or /help'
    this.#input.setAttribute('aria-label', `Say something in the ${title.toLowerCase()}`)
    part(panel, 'form').addEventListener('submit', (event) => {
      event.preventDefault()
      const text = this.#input.value.trim()
      if (text !== '') say(text)
      this.#input.value = ''
    })
    this.#input.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') onEscape?.()
    })
    this.#lines = new KeyedList(
      this.#log,
      ({ id }) => id,
      makeLine,
      () => {}
    )
  }

  /** @param {readonly Line[]} lines @param {string | undefined} me */
  render(lines, me) {
    show(this.#empty, lines.length === 0)
    const lastId = lines.at(-1)?.id ?? 0
    if (lastId === this.#lastId && lines.length === this.#log.childElementCount) return
    const { scrollTop, clientHeight, scrollHeight } = this.#log
    const isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PX
    this.#lines.render(lines)
    for (const element of this.#log.children)
      element.classList.toggle('own', part(element, 'from').textContent === me)
    if (isAtEnd || lines.at(-1)?.from === me) this.#log.scrollTop = this.#log.scrollHeight
    this.#lastId = lastId
  }

  focus() {
    this.#input.focus()
  }

  /** @param {number} most Characters of a line. */
  limit(most) {
    limitChars(this.#input, most)
  }
}

/** @param {Line} line */
function makeLine({ from, text }) {
  const element = fromTemplate('chat-line')
  element.classList.toggle('event', from === undefined)
  setText(part(element, 'from'), from ?? '')
  setText(part(element, 'text'), text)
  return element
}
