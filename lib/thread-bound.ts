// Objects that stand for something of one thread must not be posted to another: the copy would be a dead one that looks alive.
import workerThreads from 'node:worker_threads'

// Since Node 22.10 and 23; before that a function among the own properties has the same effect, since functions cannot be cloned.
const { markAsUncloneable } = workerThreads as { markAsUncloneable?: (object: object) => void }

function belongsToItsThread(): void {}

/** Makes `structuredClone()` and `postMessage()` of `object` throw a DataCloneError. */
export function bindToThread(object: object): void {
  if (markAsUncloneable !== undefined) markAsUncloneable(object)
  else Object.defineProperty(object, 'belongsToItsThread', { value: belongsToItsThread, enumerable: true })
}
