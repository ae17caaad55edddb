// @ts-check
// The players, found by name or address, and what can be done about each; what they have reported;
// the bans; and the audit log. Asked for once a second, as the rooms are.
import { actionButton, askFor } from './actions.js'
import { byId, make, nameOf, setChildren, setText } from './dom.js'
import { Pager } from './pager.js'

/** @typedef {import('../rules/details.ts').PersonPage} PersonPage */
/** @typedef {import('../rules/details.ts').PersonDetail} PersonDetail */
/** @typedef {import('../rules/bans.ts').Ban} Ban */
/** @typedef {import('../rules/reports.ts').Report} Report */
/** @typedef {import('../server/server-figures.ts').AuditEntry} AuditEntry */

/**
 * @param {string} name
 * @param {() => void} onDone
 * @param {string} [why] Of whom there are several.
 */
function banButton(name, onDone, why = '') {
  const ban = actionButton('Ban', `Ban ${name}${why}`)
  ban.addEventListener('click', () =>
    askFor(
      {
        path: 'ban',
        title: `Ban ${name}?`,
        explains: 'The name, its account and the address stay out until the ban ends.',
        text: { label: 'Reason, which the player reads', field: 'reason', isNeeded: false },
        minutes: true,
        yes: 'Ban',
        request: { name }
      },
      onDone
    )
  )
  return ban
}

/** A row that stays while its player does, so that the focus does, too. */
class PersonRow {
  #address = make('td')
  #where = make('td')
  row

  /** @param {string} name @param {() => void} onDone */
  constructor(name, onDone) {
    const message = actionButton('Message', `Message ${name}`)
    message.addEventListener('click', () =>
      askFor({
        path: 'message',
        title: `A message to ${name}`,
        text: { label: 'Message', field: 'text', isNeeded: true },
        yes: 'Send',
        request: { name }
      })
    )
    const kick = actionButton('Kick', `Kick ${name}`)
    kick.addEventListener('click', () =>
      askFor(
        {
          path: 'kick',
          title: `Kick ${name}?`,
          explains: 'The player is disconnected, and can come back at once.',
          text: { label: 'Reason, which the player reads', field: 'reason', isNeeded: false },
          yes: 'Kick',
          request: { name }
        },
        onDone
      )
    )
    const buttons = make('td', { class: 'acts' }, message, kick, banButton(name, onDone))
    this.row = make('tr', {}, make('th', {}, nameOf(name)), this.#address, this.#where, buttons)
  }

  /** @param {PersonDetail} person */
  show({ address, where, room }) {
    setText(this.#address, address ?? '')
    setText(this.#where, room === undefined ? where : `${where}: ${room}`)
  }
}

export class People {
  #ask
  #find = /** @type {HTMLInputElement} */ (byId('find-people'))
  #pager = new Pager('people', () => this.refresh())
  /** @type {Map<string, PersonRow>} */
  #rows = new Map()
  /** @type {Map<number, HTMLElement>} */
  #bans = new Map()
  /** @type {Map<number, HTMLElement>} */
  #reports = new Map()

  /** @param {(path: string) => Promise<any>} ask */
  constructor(ask) {
    this.#ask = ask
    this.#find.addEventListener('input', () => {
      this.#pager.from = 0
      this.#refreshSoon()
    })
    byId('announce').addEventListener('click', () =>
      askFor({
        path: 'announce',
        title: 'Announce to all players',
        text: { label: 'Announcement', field: 'text', isNeeded: true },
        yes: 'Announce',
        request: {}
      })
    )
    byId('drain').addEventListener('click', () =>
      askFor({
        path: 'drain',
        title: 'Drain this server?',
        explains:
          'It accepts no new players and starts no matches, and it ends after the last match. This cannot be undone.',
        yes: 'Drain',
        request: {}
      })
    )
  }

  /** @returns {Promise<void>} */
  async refresh() {
    const find = this.#find.value.trim()
    const { from } = this.#pager
    const [people, { bans }, { reports }, { entries }] = await Promise.all([
      this.#ask(`admin/players?from=${from}&find=${encodeURIComponent(find)}`),
      this.#ask('admin/bans'),
      this.#ask('admin/reports'),
      this.#ask('admin/audit')
    ])
    // Somebody has typed on meanwhile, or turned the page
    if (find !== this.#find.value.trim() || from !== this.#pager.from) return
    if (!this.#pager.show(people.players.length, people.total)) return await this.refresh()
    this.#showPeople(people)
    this.#showBans(bans)
    this.#showReports(reports)
    showAudit(entries)
  }

  /** When it fails, the next refresh() reports it. */
  #refreshSoon = () => void this.refresh().catch(() => {})

  /** @param {PersonPage} page */
  #showPeople({ players, total }) {
    const rows = new Map(
      players.map(({ name }) => [
        name,
        this.#rows.get(name) ?? new PersonRow(name, this.#refreshSoon)
      ])
    )
    for (const person of players) rows.get(person.name)?.show(person)
    this.#rows = rows
    setChildren(
      byId('people'),
      [...rows.values()].map(({ row }) => row)
    )
    byId('no-people').hidden = total > 0
  }

  /** @param {Report[]} reports */
  #showReports(reports) {
    const rows = new Map(
      reports.map((report) => [report.id, this.#reports.get(report.id) ?? this.#reportRow(report)])
    )
    this.#reports = rows
    setChildren(byId('reports'), [...rows.values()])
    byId('no-reports').hidden = reports.length > 0
  }

  /** @param {Report} report */
  #reportRow({ id, atMs, by, name, address, room, text, said }) {
    const time = new Date(atMs).toLocaleString('en-GB', { dateStyle: 'short', timeStyle: 'short' })
    const where = [address, room].filter((word) => word !== undefined && word !== '').join(', ')
    const of = make('th', {}, nameOf(name), make('span', { class: 'note', text: ` ${where}` }))
    const lines = said.map((line) => make('li', {}, make('bdi', { text: line })))
    const what = make(
      'td',
      {},
      make('bdi', { text }),
      make('span', { class: 'note' }, ' by ', nameOf(by), `, ${time}`),
      make('ul', { class: 'said' }, ...lines)
    )
    const ban = banButton(name, this.#refreshSoon, `, of report ${id}`)
    return make('tr', {}, of, what, make('td', { class: 'acts' }, ban))
  }

  /** @param {Ban[]} bans */
  #showBans(bans) {
    const rows = new Map(bans.map((ban) => [ban.id, this.#bans.get(ban.id) ?? this.#banRow(ban)]))
    this.#bans = rows
    setChildren(byId('bans'), [...rows.values()])
    byId('no-bans').hidden = bans.length > 0
  }

  /** @param {Ban} ban */
  #banRow({ id, name, address, reason, by, untilMs }) {
    const of = name ?? address ?? ''
    const lift = actionButton('Lift', `Lift the ban of ${of}`)
    lift.addEventListener('click', () =>
      askFor(
        { path: 'unban', title: `Lift the ban of ${of}?`, yes: 'Lift', request: { id } },
        this.#refreshSoon
      )
    )
    const until = new Date(untilMs).toLocaleString('en-GB', {
      dateStyle: 'short',
      timeStyle: 'short'
    })
    const both = name !== undefined && address !== undefined ? [` (${address})`] : []
    return make(
      'tr',
      {},
      make('th', {}, nameOf(of), ...both),
      make('td', { text: `until ${until}` }),
      make('td', {}, `${reason} `, make('span', { class: 'note', text: `by ${by}` })),
      make('td', { class: 'acts' }, lift)
    )
  }
}

/** @param {AuditEntry[]} entries */
function showAudit(entries) {
  const lines = entries.map(({ at, by, action, request, refused }) => {
    const what = Object.entries(request).map(([field, value]) => `${field}: ${value}`)
    const time = at.slice(0, 19).replace('T', ' ')
    const words = `${action}${what.length > 0 ? ` (${what.join(', ')})` : ''}`
    return `${time}  ${by}  ${words}${refused === undefined ? '' : ` — refused: ${refused}`}`
  })
  setText(byId('audit'), lines.join('\n'))
  byId('no-audit').hidden = lines.length > 0
}
