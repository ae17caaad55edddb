/** The folder with Node's program of this line; see cache.mjs. */
export function fetchNode(line: string, system: 'linux' | 'win', arch: string): string
