/**
 * Guessing the next tokens from the text itself (prompt lookup, Saxena 2023): where the last few tokens stood before, the
 * text went on in some way, and often goes on like that again. Pays where answers quote: summaries, code, corrections.
 */
import { checkInteger } from "../support/checks.ts";

export interface PromptLookupOptions {
  /** Most tokens guessed at once. Default 8. */
  readonly tokens?: number | undefined;
  /** Longest ending that is looked up; shorter ones are tried after it. Default 3. */
  readonly longest?: number | undefined;
  /** Shortest ending that is looked up. Default 2: single tokens stand too often by chance. */
  readonly shortest?: number | undefined;
}

/** Guesses what follows `ids`; at most `room` tokens, none when the ending is new. */
export type Proposer = (ids: readonly number[], room: number) => number[];

/** @throws CongError `BAD_ARGUMENT` for sizes below 1 */
export function promptLookup(options: PromptLookupOptions = {}): Proposer {
  const { tokens = 8, longest = 3, shortest = Math.min(2, longest) } = options;
  checkInteger("promptLookup", { tokens, shortest }, { min: 1 });
  checkInteger("promptLookup", { longest }, { min: shortest });
  return (ids, room) => {
    const count = Math.min(tokens, room);
    if (count <= 0) return [];
    for (let size = longest; size >= shortest; size--) {
      const at = lastOccurrence(ids, size);
      if (at !== undefined) return ids.slice(at + size, at + size + count);
    }
    return [];
  };
}

/** Where the last `size` tokens stood most recently before. */
function lastOccurrence(ids: readonly number[], size: number): number | undefined {
  const tail = ids.length - size;
  for (let at = tail - 1; at >= 0; at--) {
    let same = 0;
    while (same < size && ids[at + same] === ids[tail + same]) same++;
    if (same === size) return at;
  }
  return undefined;
}
