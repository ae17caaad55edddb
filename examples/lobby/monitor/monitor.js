// @ts-check
// The monitor page: asks the server once a second how it is, and shows it as numbers, tables and
// plots.
import { byId, make, setRows, setText } from './dom.js'
import { bytes, clock, compact, count, duration, milliseconds, NOTHING } from './format.js'
import { History } from './history.js'
import { Nodes } from './nodes.js'
import { People } from './people.js'
import { LATENESS_GOAL_MS, Plots } from './plots.js'
import { Rooms } from './rooms.js'

/** @typedef {import('./history.js').Sample} Sample */
/** @typedef {import('../server/server-figures.ts').ServerFigures} ServerFigures */
/** @typedef {{ value: string, notes: string[], state?: 'good' | 'bad' }} TileText */

const EVERY_MS = 1000
const ANSWER_MS = 4000

/**
 * @type {[label: string, read: (figures: ServerFigures, changes: Sample['changes']) => TileText][]}
 */
const tiles = [
  [
    'Players',
    (now) => ({
      value: count(now.players),
      notes: [`${count(now.playing)} playing`, `${count(now.away)} away`]
    })
  ],
  [
    'Connections',
    (now) => ({
      value: count(now.connections),
      notes: [`${count(now.webConnections)} by browser`, `${count(now.viaUdp)} by UDP`]
    })
  ],
  [
    'Matches',
    (now) => ({
      value: count(now.matches),
      notes: [
        `${count(now.rooms)} rooms`,
        now.unsavedMatches > 0
          ? `${count(now.unsavedMatches)} not saved!`
          : `${count(now.queued)} queued`
      ],
      state: now.unsavedMatches > 0 ? 'bad' : undefined
    })
  ],
  [
    'Tick lateness, p99',
    (now, changes) => {
      const p99 = changes?.lateness?.p99
      return {
        value: milliseconds(p99),
        notes: [`goal ${LATENESS_GOAL_MS} ms`, `${count(now.missedTicks)} ticks missed`],
        state: p99 === undefined ? undefined : p99 <= LATENESS_GOAL_MS ? 'good' : 'bad'
      }
    }
  ],
  [
    'Messages/s out',
    (_, changes) => ({
      value: compact(changes?.rates.messagesOut),
      notes: [`${compact(changes?.rates.messagesIn)} in`]
    })
  ],
  [
    'Bytes/s out',
    (_, changes) => ({
      value: bytes(changes?.rates.bytesOut),
      notes: [`${bytes(changes?.rates.bytesIn)} in`]
    })
  ],
  [
    'Datagrams/s out',
    (_, changes) => ({
      value: compact(changes?.rates.datagramsOut),
      notes: [
        `${compact(changes?.rates.datagramsIn)} in`,
        `${compact(changes?.rates.datagramsRefused)} refused`
      ]
    })
  ],
  [
    'Memory',
    ({ memory }) => ({
      value: bytes(memory.rss),
      notes: [`${bytes(memory.heapUsed)} heap`, `${bytes(memory.external)} outside it`]
    })
  ]
]

const tileElements = tiles.map(([label]) => {
  const value = make('dd', { class: 'value', text: NOTHING })
  const notes = make('dd', { class: 'note' })
  const tile = make('div', { class: 'tile' }, make('dt', { text: label }), value, notes)
  byId('tiles').append(tile)
  return { tile, value, notes }
})

/** @param {string} path @returns {Promise<any>} */
async function ask(path) {
  const response = await fetch(path, { signal: AbortSignal.timeout(ANSWER_MS) })
  if (!response.ok) throw new Error(`the server answered ${response.status}`)
  return await response.json()
}

const history = new History()
const plots = new Plots()
const rooms = new Rooms(ask)
const people = new People(ask)
const nodes = new Nodes()

/** @param {ServerFigures} figures @param {Sample['changes']} changes */
function showFigures(figures, changes) {
  for (const [at, [, read]] of tiles.entries()) {
    const { tile, value, notes } = tileElements[at]
    const text = read(figures, changes)
    setText(value, text.value)
    setText(notes, text.notes.join('\n'))
    tile.dataset.state = text.state ?? ''
  }
  setText(byId('uptime'), `up ${duration(figures.uptimeMs)}, ${count(figures.signIns)} sign-ins`)
  setRows(
    byId('threads'),
    figures.gateways.map((gateway, at) => {
      const rates = changes?.gateways[at]
      return [
        `${at}`,
        count(gateway.connections),
        count(gateway.webConnections),
        count(gateway.viaUdp),
        compact(rates?.messagesIn),
        compact(rates?.messagesOut),
        bytes(rates?.bytesIn),
        bytes(rates?.bytesOut)
      ]
    })
  )
  nodes.show(figures.cluster)
  const recent = history.recentRefusals()
  const refusals = Object.entries(figures.refusals)
    .filter(([, total]) => total > 0)
    .sort(([, one], [, other]) => other - one)
  setRows(
    byId('refusals'),
    refusals.map(([code, total]) => [code, count(recent[code] ?? 0), count(total)])
  )
  byId('no-refusals').hidden = refusals.length > 0
}

/**
 * @param {'waiting' | 'running' | 'draining' | 'lost'} state @param {string} word @param {string}
 *   [banner]
 */
function showState(state, word, banner = '') {
  document.body.dataset.state = state
  document.title = state === 'running' ? 'Lobby monitor' : `${word} – Lobby monitor`
  setText(byId('state'), word)
  setText(byId('banner'), banner)
  byId('banner').hidden = banner === ''
}

/** @param {unknown} error */
function showLost(error) {
  const latest = history.latest
  const since = latest === undefined ? '' : ` The figures below are from ${clock(latest.atMs)}.`
  const reason =
    error instanceof Error && error.message.startsWith('the server') ? ` (${error.message})` : ''
  showState(
    'lost',
    'Unreachable',
    `The server cannot be reached${reason}.${since} Trying again every second.`
  )
}

async function refresh() {
  try {
    /** @type {ServerFigures} */
    const figures = await ask('figures')
    await Promise.all([rooms.refresh(), people.refresh()])
    history.add(Date.now(), figures)
    showFigures(figures, history.latest?.changes)
    if (figures.isDraining) {
      showState(
        'draining',
        'Draining',
        'The server is draining: it accepts no new players and starts no matches. It shuts down after the last match.'
      )
    } else {
      showState('running', 'Running')
    }
  } catch (error) {
    history.add(Date.now())
    showLost(error)
  }
  plots.show(history.samples)
}

for (;;) {
  const startMs = performance.now()
  await refresh()
  await new Promise((resolve) =>
    setTimeout(resolve, Math.max(0, startMs + EVERY_MS - performance.now()))
  )
}
