// @ts-check
// What an operator does from the page: one dialog for every action. It stays open, with what the
// server said, until the action is done.
import { byId, make, setText } from './dom.js'

/**
 * `path`: of the action below /admin. `text`: the label of a line to write; `minutes`: whether it
 * has an end.
 * @typedef {object} Action
 * @property {string} path
 * @property {string} title
 * @property {string} [explains]
 * @property {{ label: string, field: 'text' | 'reason', isNeeded: boolean }} [text]
 * @property {boolean} [minutes]
 * @property {string} yes
 * @property {object} request What is asked for besides.
 */

const OPERATOR = 'lobby-operator-name'

/** @type {[label: string, minutes: number][]} */
export const PERIODS = [
  ['10 minutes', 10],
  ['1 hour', 60],
  ['1 day', 24 * 60],
  ['1 week', 7 * 24 * 60],
  ['30 days', 30 * 24 * 60],
  ['1 year', 365 * 24 * 60]
]

const dialog = /** @type {HTMLDialogElement} */ (byId('action'))
const form = /** @type {HTMLFormElement} */ (byId('action-form'))
const text = /** @type {HTMLInputElement} */ (byId('action-text'))
const minutes = /** @type {HTMLSelectElement} */ (byId('action-minutes'))
const operator = /** @type {HTMLInputElement} */ (byId('action-operator'))
const yes = /** @type {HTMLButtonElement} */ (byId('action-yes'))

for (const [label, value] of PERIODS) {
  const option = make('option', { text: label })
  option.value = String(value)
  minutes.append(option)
}
operator.value = localStorage.getItem(OPERATOR) ?? ''

/** @type {Action | undefined} */
let current
/** @type {() => void} */
let onDone = () => {}

/** @param {Action} action @param {() => void} then When it is done. */
export function askFor(action, then = () => {}) {
  current = action
  onDone = then
  setText(byId('action-title'), action.title)
  setText(byId('action-explains'), action.explains ?? '')
  byId('action-explains').hidden = action.explains === undefined
  byId('action-line').hidden = action.text === undefined
  setText(byId('action-label'), action.text?.label ?? '')
  text.value = ''
  text.required = action.text?.isNeeded === true
  byId('action-period').hidden = action.minutes !== true
  minutes.value = '60'
  setText(yes, action.yes)
  showProblem('')
  dialog.showModal()
}

byId('action-cancel').addEventListener('click', () => dialog.close())
form.addEventListener('submit', (event) => {
  event.preventDefault()
  if (current !== undefined) void run(current)
})

/** @param {Action} action */
async function run(action) {
  const line = text.value.trim()
  const request = {
    ...action.request,
    ...(action.text !== undefined && line !== '' ? { [action.text.field]: line } : {}),
    ...(action.minutes ? { minutes: Number(minutes.value) } : {})
  }
  localStorage.setItem(OPERATOR, operator.value.trim())
  yes.disabled = true
  try {
    const response = await fetch(`admin/${action.path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...nameOfOperator() },
      body: JSON.stringify(request)
    })
    if (!response.ok) return showProblem(await problemOf(response))
    dialog.close()
    onDone()
  } catch {
    showProblem('The server cannot be reached. Look at the audit log before you try again.')
  } finally {
    yes.disabled = false
  }
}

/** A header has only ASCII. @returns {Record<string, string>} */
function nameOfOperator() {
  const name = operator.value.trim().replace(/[^\x20-\x7e]/g, '?')
  return name === '' ? {} : { 'x-operator': name }
}

/** @param {Response} response */
async function problemOf(response) {
  try {
    const { message } = await response.json()
    return `${message.charAt(0).toUpperCase()}${message.slice(1)}.`
  } catch {
    return `The server answered ${response.status}.`
  }
}

/** @param {string} words */
function showProblem(words) {
  setText(byId('action-problem'), words)
  byId('action-problem').hidden = words === ''
}

/** @param {string} label @param {string} describes Read out instead, where nobody sees the row. */
export function actionButton(label, describes) {
  const button = make('button', { class: 'act', text: label })
  button.type = 'button'
  button.setAttribute('aria-label', describes)
  return button
}
