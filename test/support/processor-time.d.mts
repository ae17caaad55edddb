// The types of processor-time.mjs, which processes without a compiler import as it is.

export declare function leastBusyMs(enoughMs: number, rest: () => unknown): Promise<number>
