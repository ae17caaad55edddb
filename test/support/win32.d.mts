// The types of win32.mjs, which processes and workers without a compiler import as it is.

export declare function closeHandle(handle: number): number
export declare function closeSocket(socket: number): number
export declare function setCompletionModes(handle: number, flags: number): number
export declare function processHandleCount(process: number, count: Buffer): number
export declare function plainSocket(): number
export declare function isInherited(handle: number): boolean
export declare function ownHandles(): Set<number>
export declare function openedBy<T>(open: () => T): { opened: T; handles: number[] }
export declare function receiveIntoNowhere(socket: number): bigint
export declare function bytesAt(address: bigint): string
