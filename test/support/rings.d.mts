// The types of rings.mjs, which processes without a compiler import as it is.

export declare function ringDescriptors(): number[]
