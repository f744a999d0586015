/**
 * Byte-level BPE of one word: its UTF-8 bytes are the first ids, then pairs merge. The words come from a split pattern; the merges
 * from a tokenizer.json or a tiktoken file.
 */
import { createWordCache, longestCachedWord, type MergeTable, mergeIds } from "../bpe/index.ts";

export interface ByteBpe {
  readonly merges: MergeTable;
  /** The id of each of the 256 bytes. */
  readonly byteIds: Int32Array;
  /** Words that are one token without any merging (`ignore_merges`, tiktoken), where the vocabulary works like that. */
  readonly wholeWords?: ReadonlyMap<string, number>;
}

/** Returns a function that appends the ids of one word to `out`. It keeps a bounded cache of words. */
export function byteBpeEncoder({ merges, byteIds, wholeWords }: ByteBpe): (word: string, out: number[]) => void {
  const cache = createWordCache();
  let scratch = new Int32Array(256);

  return (word, out) => {
    const cacheable = word.length <= longestCachedWord;
    if (cacheable) {
      const known = cache.get(word);
      if (known !== undefined) {
        for (let i = 0; i < known.length; i++) out.push(known[i]!);
        return;
      }
    }
    const whole = wholeWords?.get(word);
    if (whole !== undefined) {
      out.push(whole);
      return;
    }
    // UTF-16 to UTF-8 makes at most three bytes of a unit.
    if (word.length * 3 > scratch.length) scratch = new Int32Array(word.length * 3);
    const count = mergeIds(merges, scratch, byteIdsOf(word, byteIds, scratch));
    const start = out.length;
    for (let i = 0; i < count; i++) out.push(scratch[i]!);
    if (cacheable) cache.set(word, out.slice(start));
    // One huge word must not claim its memory for ever.
    if (scratch.length > 1 << 16) scratch = new Int32Array(256);
  };
}

/** Writes the ids of a word's UTF-8 bytes; returns how many. Half a surrogate pair counts as U+FFFD. */
function byteIdsOf(word: string, byteIds: Int32Array, out: Int32Array): number {
  let length = 0;
  for (let i = 0; i < word.length; i++) {
    let point = word.charCodeAt(i);
    if (point < 0x80) {
      out[length++] = byteIds[point]!;
      continue;
    }
    if (point < 0x800) {
      out[length++] = byteIds[0xc0 | (point >> 6)]!;
      out[length++] = byteIds[0x80 | (point & 63)]!;
      continue;
    }
    if (point >= 0xd800 && point < 0xe000) {
      const low = i + 1 < word.length ? word.charCodeAt(i + 1) : 0;
      if (point < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
        i++;
        point = ((point - 0xd800) << 10) + (low - 0xdc00) + 0x10000;
        out[length++] = byteIds[0xf0 | (point >> 18)]!;
        out[length++] = byteIds[0x80 | ((point >> 12) & 63)]!;
        out[length++] = byteIds[0x80 | ((point >> 6) & 63)]!;
        out[length++] = byteIds[0x80 | (point & 63)]!;
        continue;
      }
      point = 0xfffd;
    }
    out[length++] = byteIds[0xe0 | (point >> 12)]!;
    out[length++] = byteIds[0x80 | ((point >> 6) & 63)]!;
    out[length++] = byteIds[0x80 | (point & 63)]!;
  }
  return length;
}
