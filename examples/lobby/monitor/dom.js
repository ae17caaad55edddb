// @ts-check
// Elements of the page. Whatever is shown goes in as text: names of rooms and players come from
// strangers, so that nothing here makes HTML of a string.

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {{ class?: string, text?: string }} [is]
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, is = {}, ...children) {
  const element = document.createElement(tag)
  if (is.class !== undefined) element.className = is.class
  if (is.text !== undefined) element.textContent = is.text
  element.append(...children)
  return element
}

/**
 * An element that index.html has.
 * @param {string} id
 */
export function byId(id) {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`the page has no #${id}`)
  return element
}

/**
 * Only when it differs: a text that is set anew ends what somebody has selected in it, and is read
 * out again.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

/**
 * A name that a stranger chose: isolated, so that letters written from right to left do not turn
 * what stands around it.
 * @param {string} name
 */
export function nameOf(name) {
  return make('bdi', { class: 'name', text: name })
}

/**
 * Makes a table's body hold these rows of texts, with as few changes as it takes.
 * @param {Element} body
 * @param {string[][]} rows
 */
export function setRows(body, rows) {
  while (body.children.length > rows.length) body.lastElementChild?.remove()
  for (const [at, texts] of rows.entries()) {
    const row = body.children[at] ?? body.appendChild(make('tr'))
    for (const [column, text] of texts.entries()) {
      setText(row.children[column] ?? row.appendChild(make('td')), text)
    }
  }
}

/**
 * Makes `parent` hold exactly these children in this order. One that stays is not taken out, and
 * the focus stays where it is.
 * @param {Element} parent
 * @param {Element[]} children
 */
export function setChildren(parent, children) {
  const focused = document.activeElement
  const staying = new Set(children)
  for (const child of [...parent.children]) if (!staying.has(child)) child.remove()
  let next = parent.firstElementChild
  for (const child of children) {
    if (child === next) next = next.nextElementSibling
    else parent.insertBefore(child, next)
  }
  if (focused instanceof HTMLElement && focused.isConnected && focused !== document.activeElement) {
    focused.focus({ preventScroll: true })
  }
}
