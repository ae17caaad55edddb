// @ts-check
// Links into a room: https://…/#join=CODE. The part after # goes to no server and into no referrer;
// the page reads it once, and takes it out of the address.
import { byId, part, setText, show, theOne } from './dom.js'

const COPIED_MS = 2_000

/**
 * The room that the address names: a code, or a public room's name. @param {Location} place
 * @returns {string | undefined}
 */
export function invitedTo({ hash }) {
  const room = new URLSearchParams(hash.slice(1)).get('join')?.trim() ?? ''
  return room === '' || room.length > 100 ? undefined : room
}

/** @param {Location} place @param {string} room Its code, or its name. */
export function linkTo({ origin, pathname }, room) {
  return `${origin}${pathname}#${new URLSearchParams({ join: room })}`
}

export class InviteDialog {
  #dialog = theOne('invite-dialog', HTMLDialogElement)
  #link = theOne('invite-link', HTMLInputElement)

  constructor() {
    const copy = part(this.#dialog, 'copy')
    show(copy, 'clipboard' in navigator) // not over plain HTTP from another machine
    copy.addEventListener('click', async () => {
      await navigator.clipboard.writeText(this.#link.value)
      setText(copy, 'Copied')
      setTimeout(() => setText(copy, 'Copy'), COPIED_MS)
    })
    this.#link.addEventListener('focus', () => this.#link.select())
    part(this.#dialog, 'close').addEventListener('click', () => this.#dialog.close())
    this.#dialog.addEventListener('click', (event) => {
      if (event.target === this.#dialog) this.#dialog.close() // beside it
    })
  }

  /** @param {{ name: string, code: string | undefined }} room */
  open({ name, code }) {
    this.#link.value = linkTo(location, code ?? name)
    setText(
      byId('invite-note'),
      code === undefined
        ? 'Your friends open this link, choose a name, and are in the room.'
        : 'Everyone with this link can join this private room: share it only with people you want in it.'
    )
    this.#dialog.showModal()
  }

  close() {
    this.#dialog.close()
  }
}
