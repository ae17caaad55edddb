export const sweptCalls: readonly string[]
export const callsOfARing: readonly string[]
