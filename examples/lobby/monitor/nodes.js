// @ts-check
// The nodes of a cluster, as the one that you ask sees them, and whether the directory is there.
// Not shown for a server that is alone.
import { actionButton, askFor } from './actions.js'
import { byId, make, nameOf, setChildren, setText } from './dom.js'
import { count } from './format.js'

/** @typedef {import('../cluster/cluster-node.ts').ClusterFigures} ClusterFigures */
/** @typedef {ClusterFigures['nodes'][number]} NodeFigures */

/** @type {Record<ClusterFigures['directory'], string>} */
const DIRECTORY = {
  here: 'The directory is here.',
  away: 'The directory is away: no names and rooms are given out. The other nodes are shown as they were last seen.',
  settling:
    'The directory is settling: it has started anew, and no names and rooms are given out until the nodes have registered what they own.'
}
const SILENT = ' This node is silent, because its lease is over: another one may own its rooms.'

/** @param {NodeFigures} node @param {ClusterFigures} cluster */
function statesOf({ id, isDraining }, { node, directory, links }) {
  const isSelf = id === node
  /** @type {[kind: string, words: string][]} */
  const states = []
  if (isDraining) states.push(['warn', 'draining'])
  if (isSelf && directory === 'away') states.push(['bad', 'lost directory'])
  if (isSelf && directory === 'settling') states.push(['warn', 'settling'])
  if (!isSelf && !links.some((link) => link.node === id)) states.push(['bad', 'no link'])
  return states.length === 0 ? [['good', 'running']] : states
}

/** A row that stays while its node does, so that the focus does, too. */
class NodeRow {
  #players = make('td', { class: 'number' })
  #rooms = make('td', { class: 'number' })
  #matches = make('td', { class: 'number' })
  #states = make('td')
  #drain
  row

  /** @param {string} id @param {boolean} isSelf */
  constructor(id, isSelf) {
    const own = isSelf ? [' ', make('span', { class: 'tag', text: 'this node' })] : []
    this.#drain = actionButton('Drain', `Drain node ${id}`)
    this.#drain.addEventListener('click', () =>
      askFor({
        path: 'drain',
        title: `Drain the node ${id}?`,
        explains:
          'Its players and rooms go on at other nodes. It starts no matches, and it ends after the last one. This cannot be undone.',
        yes: 'Drain',
        request: { node: id }
      })
    )
    this.row = make(
      'tr',
      {},
      make('th', {}, nameOf(id), ...own),
      this.#players,
      this.#rooms,
      this.#matches,
      this.#states,
      make('td', { class: 'acts' }, this.#drain)
    )
  }

  /** @param {NodeFigures} node @param {ClusterFigures} cluster */
  show(node, cluster) {
    setText(this.#players, count(node.players))
    setText(this.#rooms, count(node.rooms))
    setText(this.#matches, count(node.matches))
    const tags = statesOf(node, cluster).map(([kind, text]) =>
      make('span', { class: `tag ${kind}`, text })
    )
    this.#states.replaceChildren(...tags)
    this.#drain.disabled = node.isDraining
  }
}

export class Nodes {
  /** @type {Map<string, NodeRow>} By node and epoch: one that was started anew is another one. */
  #rows = new Map()

  /** @param {ClusterFigures | undefined} cluster */
  show(cluster) {
    byId('nodes-panel').hidden = cluster === undefined
    if (cluster === undefined) return
    const sorted = [...cluster.nodes].sort((one, other) => one.id.localeCompare(other.id))
    const rows = new Map(
      sorted.map((node) => {
        const key = `${node.epoch} ${node.id}`
        const row = this.#rows.get(key) ?? new NodeRow(node.id, node.id === cluster.node)
        row.show(node, cluster)
        return [key, row]
      })
    )
    this.#rows = rows
    setChildren(
      byId('nodes'),
      [...rows.values()].map(({ row }) => row)
    )
    byId('no-nodes').hidden = rows.size > 0
    const silent = cluster.maySpeak ? '' : SILENT
    setText(byId('directory'), `${DIRECTORY[cluster.directory]}${silent}`)
    byId('directory').dataset.state = cluster.directory
  }
}
