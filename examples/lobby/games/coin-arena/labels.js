// @ts-check
// Where names go, so that no name lies over another: above a player, or below, or nowhere while the
// crowd is too dense. Pure.

/**
 * A name that wants a place. `width` and `height` are those of the text; `above` and `below` are
 * the baselines it may have.
 * @typedef {{ x: number, above: number, below: number, width: number, height: number }} Label
 */

/**
 * The baseline of each, or undefined for one that has no room. The first ones choose first.
 * @param {readonly Label[]} labels
 * @returns {(number | undefined)[]}
 */
export function placeLabels(labels) {
  /** @type {{ left: number, right: number, top: number, bottom: number }[]} */
  const taken = []
  return labels.map(({ x, above, below, width, height }) => {
    for (const baseline of [above, below]) {
      const [left, right] = [x - width / 2, x + width / 2]
      const [top, bottom] = [baseline - height, baseline]
      const isFree = taken.every(
        (other) =>
          right <= other.left || left >= other.right || bottom <= other.top || top >= other.bottom
      )
      if (!isFree) continue
      taken.push({ left, right, top, bottom })
      return baseline
    }
    return undefined
  })
}
