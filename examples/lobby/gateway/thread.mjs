// How a worker comes to TypeScript: Node's --import does not reach the loader of a worker in every
// Node that this runs on.
import { tsImport } from 'tsx/esm/api'

await tsImport('./gateway-thread.ts', import.meta.url)
