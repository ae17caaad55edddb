// @ts-check
// Keeps the keyboard where it was: what had the focus may be hidden, disabled or gone after an
// action, and a browser then starts again at the top of the page. `data-next-focus` of an element,
// or of what it is in, says by selectors where to go instead; the first that can be used counts.

/** @type {HTMLElement | undefined} What had the focus last. */
let last
/** @type {string[]} Where to go when it is gone, the nearest first. */
let nexts = []

document.addEventListener('focusin', ({ target }) => {
  if (!(target instanceof HTMLElement)) return
  last = target
  nexts = []
  for (let at = /** @type {Element | null} */ (target); at !== null; at = at.parentElement) {
    if (at instanceof HTMLElement && at.dataset.nextFocus !== undefined)
      nexts.push(at.dataset.nextFocus)
  }
})
// A click beside everything takes the focus away on purpose
document.addEventListener('pointerdown', ({ target }) => {
  if (target instanceof Element && target.closest('button, input, a, [tabindex]') === null)
    last = undefined
})

/** After the page has changed. */
export function keepFocus() {
  if (last === undefined || canHaveFocus(last)) return
  const { activeElement } = document
  if (activeElement !== last && activeElement !== document.body && activeElement !== null) return
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
