// Objects that stand for something of one thread must not be posted to another: the copy would be a
// dead one that looks alive.

// What cannot be cloned among an object's own enumerable properties, such as a function, makes
// cloning the object fail. An accessor is kept in the shape that all objects of a class share, and
// costs an object no memory; `markAsUncloneable` of node:worker_threads costs each a word, and Node
// 20 does not have it.
const property: PropertyDescriptor = { get: () => belongsToItsThread, enumerable: true }

function belongsToItsThread(): void {}

/** Makes `structuredClone()` and `postMessage()` of `object` throw a DataCloneError. */
export function bindToThread(object: object): void {
  Object.defineProperty(object, 'belongsToItsThread', property)
}
