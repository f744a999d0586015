/**
 * Counts the words of text, cut as the tokenizer will cut it. Memory grows with the number of different words only; beyond a limit the rarest
 * are forgotten, so a corpus of any size can be read.
 */
import { splitter } from "../huggingface/split.ts";
import { translatePattern } from "../pattern/index.ts";

export interface WordCounter {
  add(text: string): void;
  readonly counts: ReadonlyMap<string, number>;
  /** Different words that were forgotten to stay below the limit. */
  readonly dropped: number;
}

/** V8 cuts a substring of this length or more as a view that keeps the whole text alive. */
const shortestView = 13;

/** @param pattern an Oniguruma split pattern; what lies between its matches are words, too */
export function createWordCounter(pattern: string, mostWords: number): WordCounter {
  const split = splitter(translatePattern(pattern), "Isolated");
  let counts = new Map<string, number>();
  let dropped = 0;
  /** Words seen this often or less go next; it rises, so that forgetting stays rare (as in SentencePiece's trainer). */
  let floor = 1;

  function count(word: string): void {
    const known = counts.get(word);
    if (known !== undefined) counts.set(word, known + 1);
    else counts.set(word.length < shortestView ? word : ownCopy(word), 1);
  }

  return {
    add(text) {
      split(text, true, count);
      while (counts.size > mostWords) {
        const { size } = counts;
        counts = new Map([...counts].filter(([, times]) => times > floor));
        dropped += size - counts.size;
        floor++;
      }
    },
    get counts() {
      return counts;
    },
    get dropped() {
      return dropped;
    },
  };
}

const ownCopy = (word: string): string => Buffer.from(word, "utf16le").toString("utf16le");
