/**
 * Remembers the ids of words already seen: a language repeats itself. Bounded, in two generations: when the young one is
 * full it becomes the old one, and words used again come back from there. Rare words fall out without any bookkeeping per use.
 */

/**
 * Longest word remembered, in UTF-16 units. V8 cuts a longer substring as a view that keeps the whole text alive; up to here
 * it copies, so a cache never holds on to what somebody encoded.
 */
export const longestCachedWord = 12;

export interface WordCache {
  get(word: string): readonly number[] | undefined;
  set(word: string, ids: readonly number[]): void;
}

/** @param capacity words in each of the two generations; default 32,768, some 5 MB when both are full */
export function createWordCache(capacity = 32_768): WordCache {
  let young = new Map<string, readonly number[]>();
  let old = new Map<string, readonly number[]>();

  function set(word: string, ids: readonly number[]): void {
    if (young.size >= capacity) {
      old = young;
      young = new Map();
    }
    young.set(word, ids);
  }

  return {
    get(word) {
      const found = young.get(word);
      if (found !== undefined) return found;
      const older = old.get(word);
      if (older !== undefined) set(word, older);
      return older;
    },
    set,
  };
}
