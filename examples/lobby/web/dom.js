// @ts-check
// What the views need to update the page without rebuilding it: the focus stays where it is, and
// what has not changed is not touched. Strings from other players only ever become text.

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`index.html has no #${id}`)
  return element
}

/**
 * The element of index.html whose id it is, of the class that it should have.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} Type
 * @returns {T}
 */
export function theOne(id, Type) {
  const element = byId(id)
  if (!(element instanceof Type)) throw new Error(`#${id} is no ${Type.name}`)
  return element
}

/**
 * The part of a view or of a row that is called so. @param {Element} root @param {string} name
 * @returns {HTMLElement}
 */
export function part(root, name) {
  const element = root.querySelector(`[data-part="${name}"]`)
  if (!(element instanceof HTMLElement)) throw new Error(`there is no part ${name}`)
  return element
}

/** @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

/**
 * A player's or a room's: where there is no room for all of it, the whole of it is to be seen under
 * the mouse. @param {Element} element @param {string} name
 */
export function setName(element, name) {
  setText(element, name)
  setAttribute(element, 'title', name)
}

/** @param {HTMLElement} element @param {boolean} isShown */
export function show(element, isShown) {
  if (element.hidden === isShown) element.hidden = !isShown
}

/**
 * @param {Element} element @param {string} name @param {string | undefined} value Undefined takes
 *   it away.
 */
export function setAttribute(element, name, value) {
  if (value === undefined) element.removeAttribute(name)
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value)
}

/**
 * No more characters than the server accepts. It counts code points, and `maxlength` would count
 * some characters twice. @param {HTMLInputElement} input @param {number} most
 */
export function limitChars(input, most) {
  input.removeAttribute('maxlength')
  if (input.dataset.mostChars === undefined) {
    input.addEventListener('input', (event) => {
      const text = [...input.value]
      const limit = Number(input.dataset.mostChars)
      if (text.length <= limit) return
      // Half a character of an input method must stay until it is whole
      if (event instanceof InputEvent && event.isComposing) return
      input.value = text.slice(0, limit).join('')
    })
  }
  input.dataset.mostChars = String(most)
}

/** A copy of what is in a template. @param {string} id @returns {HTMLElement} */
export function fromTemplate(id) {
  const { content } = theOne(id, HTMLTemplateElement)
  return /** @type {HTMLElement} */ (document.importNode(content, true).firstElementChild)
}

/**
 * Makes the children of `parent` those of `items`, in their order; an item that was there before
 * keeps its element.
 * @template T
 */
export class KeyedList {
  #parent
  #keyOf
  #make
  #update
  /** @type {Map<string | number, HTMLElement>} */
  #elements = new Map()

  /**
   * @param {HTMLElement} parent
   * @param {(item: T) => string | number} keyOf
   * @param {(item: T) => HTMLElement} make
   * @param {(element: HTMLElement, item: T) => void} update
   */
  constructor(parent, keyOf, make, update) {
    // Safari takes a list without bullets for no list, unless it is said
    if (parent.matches('ul, ol') && !parent.hasAttribute('role')) parent.role = 'list'
    this.#parent = parent
    this.#keyOf = keyOf
    this.#make = make
    this.#update = update
  }

  /** @param {readonly T[]} items */
  render(items) {
    const keys = new Set(items.map(this.#keyOf))
    for (const [key, element] of this.#elements) {
      if (keys.has(key)) continue
      element.remove()
      this.#elements.delete(key)
    }
    for (const [at, item] of items.entries()) {
      const key = this.#keyOf(item)
      let element = this.#elements.get(key)
      if (element === undefined) {
        element = this.#make(item)
        this.#elements.set(key, element)
      }
      if (this.#parent.children[at] !== element)
        this.#parent.insertBefore(element, this.#parent.children[at] ?? null)
      this.#update(element, item)
    }
  }
}

/** A game's own style sheet. @param {URL} url */
export function addStyleSheet(url) {
  const sheet = document.createElement('link')
  sheet.rel = 'stylesheet'
  sheet.href = url.href
  document.head.append(sheet)
}

/** For what may run a thousand times, but is needed once a frame. @param {() => void} run */
export function oncePerFrame(run) {
  let isDue = false
  return () => {
    if (isDue) return
    isDue = true
    requestAnimationFrame(() => {
      isDue = false
      run()
    })
  }
}
