// Room in a typed array that is indexed by slot, or by position in the outbox. Knows numbers only.

/** A copy that has `index`, twice as large or more, so that growing one by one costs little. */
export function grownToHold<T extends Int32Array | Float64Array>(numbers: T, index: number): T {
  let size = numbers.length
  while (size <= index) size *= 2
  const larger = new (numbers.constructor as new (length: number) => T)(size)
  larger.set(numbers)
  return larger
}
