/**
 * Easy data augmentation (Wei and Zou 2019, "EDA") on words: deletion, swap, insertion of a synonym, replacement by a synonym. Words
 * come from a segmenter, so that Chinese is not cut inside a word. Punctuation and spaces are never touched.
 */
import type { Random } from "../../support/random.ts";
import type { Synonyms } from "./synonyms.ts";

export const augmentations = ["delete", "swap", "insert", "synonym"] as const;
export type Augmentation = (typeof augmentations)[number];

/** Cuts a text into words and what is between them; joined again they are the text. */
export type Segmenter = (text: string) => string[];

export interface AugmentTools {
  readonly segment: Segmenter;
  readonly synonyms: Synonyms;
}

const isWord = (token: string): boolean => /[\p{L}\p{N}]/u.test(token);

/**
 * One changed copy of a text. `rate` is the share of words to change (EDA's α; at least one word). Returns the text itself when there
 * is nothing to change: fewer than two words, or no word with a synonym.
 */
export function augmentText(
  text: string,
  operation: Augmentation,
  rate: number,
  random: Random,
  tools: AugmentTools,
): string {
  const tokens = tools.segment(text);
  const words = tokens.flatMap((token, i) => (isWord(token) ? [i] : []));
  if (words.length < 2) return text;
  const count = Math.max(1, Math.round(rate * words.length));
  switch (operation) {
    case "delete":
      return deleteWords(tokens, words, rate, random);
    case "swap":
      return swapWords(tokens, words, count, random);
    case "insert":
    case "synonym":
      return useSynonyms(tokens, words, count, random, tools.synonyms, operation === "insert");
    default:
      return operation satisfies never;
  }
}

/** Each word goes with probability `rate`; when none would, one does; one always stays. */
function deleteWords(tokens: readonly string[], words: readonly number[], rate: number, random: Random): string {
  const gone = new Set(words.filter(() => random.uniform() < rate));
  if (gone.size === 0) gone.add(random.choice(words));
  if (gone.size === words.length) gone.delete(random.choice(words));
  return tokens.filter((_, i) => !gone.has(i)).join("");
}

function swapWords(tokens: readonly string[], words: readonly number[], count: number, random: Random): string {
  const swapped = [...tokens];
  for (let n = 0; n < count; n++) {
    const first = random.choice(words);
    const others = words.filter((i) => swapped[i] !== swapped[first]);
    if (others.length === 0) break;
    const second = random.choice(others);
    [swapped[first], swapped[second]] = [swapped[second]!, swapped[first]!];
  }
  return swapped.join("");
}

function useSynonyms(
  tokens: readonly string[],
  words: readonly number[],
  count: number,
  random: Random,
  synonyms: Synonyms,
  inserts: boolean,
): string {
  const known = random.shuffle(words.filter((i) => synonyms.has(tokens[i]!)));
  const changed = [...tokens];
  for (const i of known.slice(0, count)) {
    const synonym = random.choice(synonyms.get(tokens[i]!)!);
    if (!inserts) changed[i] = synonym;
    else {
      // Before a random word, as in EDA; the place decides, not the word it comes from.
      const place = random.choice(words);
      changed[place] = `${synonym}${changed[place]}`;
    }
  }
  return changed.join("");
}
