export { mergeIds } from "./merge.ts";
export { createMergeTable, findMerge, type Merge, type MergeTable, mostMerges } from "./merge-table.ts";
export { createWordCache, longestCachedWord, type WordCache } from "./word-cache.ts";
