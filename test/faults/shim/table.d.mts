export const sweptCalls: readonly string[]
