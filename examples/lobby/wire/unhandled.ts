// The end of a switch over a union.

/**
 * Does not compile while a member of the union has no case of its own.
 * @throws TypeError should one come all the same.
 */
export function unhandled(value: never): never {
  throw new TypeError(`nothing handles ${JSON.stringify(value)}`)
}
