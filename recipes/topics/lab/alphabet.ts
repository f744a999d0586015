/** The smallest tokenizer there is, one token a character, for comparisons in which the tokenizer is not the question. */
import type { BlankIds } from "../../../src/training/objectives/blank-infilling.ts";

export interface Alphabet {
  /** Tokens in all, special ones included. */
  readonly size: number;
  /** Characters that are not in it become `unknownId`. */
  encode(text: string): number[];
  readonly padId: number;
  readonly unknownId: number;
  /** Stand before a question and before its answer. */
  readonly userId: number;
  readonly assistantId: number;
  /** What blank infilling writes; [MASK] also serves masked language modelling. */
  readonly blanks: BlankIds;
  readonly specials: ReadonlySet<number>;
}

const specialNames = "pad unknown user assistant mask sentenceMask generationMask start end".split(" ");

/** Special tokens first, then the `most` most frequent characters of the texts (95 % of the poems for 2,000). */
export function createAlphabet(texts: readonly string[], most = 2000): Alphabet {
  const counts = new Map<string, number>();
  for (const text of texts) for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  const frequent = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, most);
  const special = (name: string) => specialNames.indexOf(name);
  const ids = new Map(frequent.map(([character], i) => [character, specialNames.length + i]));
  return {
    size: specialNames.length + frequent.length,
    encode: (text) => Array.from(text, (character) => ids.get(character) ?? special("unknown")),
    padId: special("pad"),
    unknownId: special("unknown"),
    userId: special("user"),
    assistantId: special("assistant"),
    blanks: {
      mask: special("mask"),
      sentenceMask: special("sentenceMask"),
      generationMask: special("generationMask"),
      start: special("start"),
      end: special("end"),
    },
    specials: new Set(specialNames.map(special)),
  };
}
