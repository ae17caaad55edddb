export const calls: readonly string[]
export function createControl(path: string): void
