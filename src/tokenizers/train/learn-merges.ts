/**
 * Learns BPE merges from word counts: the most frequent pair becomes a token, its counts and those of its neighbours are corrected in
 * the words that have it, and so on. Pairs wait in a heap; a count that has fallen is found when its pair comes up, and queued anew.
 *
 * Follows the trainer of Hugging Face tokenizers step by step, its order among equals included. One difference: a merge that would spell
 * a special token is left out, because plain text would then turn into that token.
 */
import { createMergeQueue } from "./merge-queue.ts";
import { createPairCounts } from "./pair-counts.ts";

export interface WordTable {
  /** Ids of all words, one word after the other. Merging shortens words in place. */
  readonly symbols: Int32Array;
  /** Where each word starts; one more entry for the end. */
  readonly starts: Int32Array;
  /** How often each word occurs. */
  readonly counts: Float64Array;
}

export interface LearnOptions {
  readonly vocabularySize: number;
  readonly minFrequency: number;
  readonly isSpecial: (token: string) => boolean;
  readonly onMerge: (tokens: number) => void;
}

/**
 * Appends new tokens to `tokens` until there are `vocabularySize` or no pair is frequent enough, and returns the merges in order.
 *
 * @param tokens the tokens so far, whose places are the ids in `words`
 */
export function learnMerges(words: WordTable, tokens: string[], options: LearnOptions): [number, number][] {
  const { symbols, starts, counts } = words;
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const lengths = Int32Array.from(counts, (_, word) => starts[word + 1]! - starts[word]!);
  const pairs = createPairCounts();
  const queue = createMergeQueue();
  const merges: [number, number][] = [];
  /** Pairs that a merge made, with the words they are in. */
  let made = new Map<number, number[]>();

  function note(pair: number, word: number): void {
    const list = made.get(pair);
    if (list === undefined) made.set(pair, [word]);
    // Words are visited one after the other, so only the last can be the same.
    else if (list[list.length - 1] !== word) list.push(word);
  }

  function queueMade(): void {
    for (const [pair, inWords] of made) {
      const count = pairs.count(pair);
      if (count > 0) queue.push({ count, left: pairs.left(pair), right: pairs.right(pair), pair, words: inWords });
    }
    made = new Map();
  }

  for (let word = 0; word < counts.length; word++) {
    for (let i = starts[word]!; i + 1 < starts[word + 1]!; i++) {
      const pair = pairs.indexOf(symbols[i]!, symbols[i + 1]!);
      pairs.add(pair, counts[word]!);
      note(pair, word);
    }
  }
  queueMade();

  while (tokens.length < options.vocabularySize) {
    const top = queue.pop();
    if (top === undefined) break;
    const count = pairs.count(top.pair);
    if (top.count !== count) {
      // A count of zero or less can only come up again after everything useful.
      if (count > 0) queue.push({ ...top, count });
      continue;
    }
    if (count < Math.max(1, options.minFrequency)) break;
    const token = tokens[top.left]! + tokens[top.right]!;
    if (options.isSpecial(token)) continue;
    // Two merges may spell the same token, such as a + aa and aa + a.
    const id = ids.get(token) ?? tokens.length;
    if (id === tokens.length) {
      tokens.push(token);
      ids.set(token, id);
    }
    merges.push([top.left, top.right]);
    for (const word of top.words) mergeInWord(word, top.left, top.right, id);
    queueMade();
    options.onMerge(tokens.length);
  }
  return merges;

  function mergeInWord(word: number, left: number, right: number, merged: number): void {
    const start = starts[word]!;
    const end = start + lengths[word]!;
    const times = counts[word]!;
    let write = start;
    for (let read = start; read < end; read++) {
      if (symbols[read] !== left || read + 1 >= end || symbols[read + 1] !== right) {
        symbols[write++] = symbols[read]!;
        continue;
      }
      if (write > start) {
        const previous = symbols[write - 1]!;
        pairs.add(pairs.indexOf(previous, left), -times);
        const pair = pairs.indexOf(previous, merged);
        pairs.add(pair, times);
        note(pair, word);
      }
      if (read + 2 < end) {
        const next = symbols[read + 2]!;
        pairs.add(pairs.indexOf(right, next), -times);
        const pair = pairs.indexOf(merged, next);
        pairs.add(pair, times);
        note(pair, word);
      }
      symbols[write++] = merged;
      read++;
    }
    lengths[word] = write - start;
  }
}
