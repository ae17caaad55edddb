// Names in the coin arena: no name lies over another.
import { expect, test } from 'vitest'

// A browser's module, without types for this side.
const { placeLabels } = await import(new URL('../games/coin-arena/labels.js', import.meta.url).href)

interface Label {
  x: number
  above: number
  below: number
  width: number
  height: number
}

const at = (x: number, y: number, width = 80): Label => {
  return { x, above: y - 22, below: y + 31, width, height: 13 }
}

test('a name is above its player, below where another name is, and nowhere in a dense crowd', () => {
  expect(placeLabels([at(100, 100), at(400, 100)])).toEqual([78, 78])
  expect(placeLabels([at(100, 100), at(130, 100)])).toEqual([78, 131])
  expect(placeLabels([at(100, 100), at(130, 100), at(110, 100)])).toEqual([78, 131, undefined])
})

test('wherever twenty players are, no two names overlap, and the first is always there', () => {
  let state = 7
  const random = (below: number) => {
    state = (state * 48271) % 2147483647
    return state % below
  }
  for (let round = 0; round < 300; round++) {
    const labels = Array.from({ length: 20 }, () => at(random(500), random(300), 20 + random(90)))
    const places: (number | undefined)[] = placeLabels(labels)
    expect(places[0]).toBeDefined()
    const boxes = labels.flatMap(({ x, width, height }, index) => {
      const baseline = places[index]
      if (baseline === undefined) return []
      return [{ left: x - width / 2, right: x + width / 2, top: baseline - height, baseline }]
    })
    for (const [index, one] of boxes.entries()) {
      for (const other of boxes.slice(index + 1)) {
        const isApart =
          one.right <= other.left ||
          other.right <= one.left ||
          one.baseline <= other.top ||
          other.baseline <= one.top
        expect(isApart).toBe(true)
      }
    }
  }
})
