// @ts-check
// Keeps the keyboard where it was: what had the focus may be hidden, disabled or gone after an
// action, and a browser then starts again at the top of the page. `data-next-focus` of an element,
// or of what it is in, says by selectors where to go instead; the first that can be used counts. If
// none can, the focus waits for the first that can be used again.

/** @type {HTMLElement | undefined} What had the focus last. */
let last
/** It could not have the focus when the page had changed before: so it was not left on purpose. */
let isMissed = false
/** @type {string[]} Where to go when it is gone, the nearest first. */
let nexts = []

document.addEventListener('focusin', ({ target }) => {
  if (!(target instanceof HTMLElement)) return
  last = target
  isMissed = false
  nexts = []
  for (let at = /** @type {Element | null} */ (target); at !== null; at = at.parentElement) {
    if (at instanceof HTMLElement && at.dataset.nextFocus !== undefined)
      nexts.push(at.dataset.nextFocus)
  }
})
// A press elsewhere takes the focus away on purpose. What gets it instead says so above; in Safari
// a button that is pressed gets none.
document.addEventListener('pointerdown', ({ target }) => {
  if (!(target instanceof Node && last?.contains(target))) last = undefined
})

/** To the first of these that can be used, as soon as one can. @param {string} selectors */
export function moveFocus(selectors) {
  last = document.createElement('i') // stands for what is gone
  nexts = [selectors]
  keepFocus()
}

/** After the page has changed. */
export function keepFocus() {
  if (last === undefined) return
  const { activeElement } = document
  if (activeElement !== last && activeElement !== document.body && activeElement !== null) return
  if (canHaveFocus(last)) {
    if (isMissed && activeElement !== last) last.focus({ preventScroll: true })
    isMissed = false
    return
  }
  isMissed = true
  const modal = document.querySelector('dialog[open]')
  for (const selector of nexts.flatMap((each) => each.split(','))) {
    for (const element of (modal ?? document).querySelectorAll(selector.trim())) {
      if (!(element instanceof HTMLElement) || !canHaveFocus(element)) continue
      element.focus({ preventScroll: true })
      return
    }
  }
}

/** @param {HTMLElement} element */
function canHaveFocus(element) {
  const isDisabled = element instanceof HTMLButtonElement && element.disabled
  return element.isConnected && element.checkVisibility() && !isDisabled
}
