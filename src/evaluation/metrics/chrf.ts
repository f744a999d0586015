/**
 * chrF (Popović 2015) and chrF++ (Popović 2017, `wordOrder: 2`); scores from 0 to 100 equal sacreBLEU 2.
 */
import { checkInteger } from "../../support/index.ts";
import { checkReferences, checkTexts, referenceCount } from "./arguments.ts";
import { countNgrams, ngramTotal, overlap } from "./ngrams.ts";
import { splitSpace } from "./text-units.ts";

export interface ChrfOptions {
  /** Longest character n-gram. Default 6. */
  readonly characterOrder?: number;
  /** Longest word n-gram: 0 is chrF, 2 is chrF++. Default 0. */
  readonly wordOrder?: number;
  /** How much more recall counts than precision. Default 2. */
  readonly beta?: number;
  readonly lowercase?: boolean;
  /** Count white space as characters. Default false. */
  readonly whitespace?: boolean;
}

export interface ChrfScore {
  readonly score: number;
  readonly signature: string;
}

/** Per order: n-grams of the text, n-grams of the reference, common ones. */
export type ChrfStatistics = readonly (readonly [hypothesis: number, reference: number, common: number])[];

/** `references[i]` are the reference texts of `hypotheses[i]`; of several, the one that fits best counts. */
export function chrf(
  hypotheses: readonly string[],
  references: readonly (readonly string[])[],
  options: ChrfOptions = {},
): ChrfScore {
  const present = checkTexts("chrf", hypotheses, references);
  const rows = hypotheses.map((text, i) => chrfStatistics(text, present[i] as readonly string[], options));
  return chrfFromStatistics(rows, options, referenceCount(present));
}

/** Counts of one text against its best reference. */
export function chrfStatistics(
  hypothesis: string,
  references: readonly string[],
  options: ChrfOptions = {},
): ChrfStatistics {
  checkReferences("chrf", references);
  const { characterOrder = 6, wordOrder = 0 } = options;
  checkInteger("chrf", { characterOrder }, { min: 1 });
  checkInteger("chrf", { wordOrder }, { min: 0 });
  const units = unitsOf(hypothesis, options);
  let best: ChrfStatistics = [];
  let bestScore = -1;
  for (const reference of references) {
    const referenceUnits = unitsOf(reference, options);
    const rows = units.map(({ list, order }, i) => {
      const other = (referenceUnits[i] as (typeof units)[number]).list;
      const referenceTotal = ngramTotal(other.length, order);
      // Without n-grams of this order in the reference, those of the text don't count.
      const total = referenceTotal > 0 ? ngramTotal(list.length, order) : 0;
      return [total, referenceTotal, overlap(countNgrams(list, order), countNgrams(other, order))] as const;
    });
    const score = fScore(rows, options.beta ?? 2);
    if (score > bestScore) {
      bestScore = score;
      best = rows;
    }
  }
  return best;
}

/** The score of a corpus from the counts of its texts. */
export function chrfFromStatistics(
  rows: readonly ChrfStatistics[],
  options: ChrfOptions = {},
  references = "1",
): ChrfScore {
  const { characterOrder = 6, wordOrder = 0, beta = 2, lowercase = false, whitespace = false } = options;
  const sums = Array.from({ length: characterOrder + wordOrder }, (_, order) =>
    rows.reduce(
      (all, row) => {
        const [hypothesis, reference, common] = row[order] ?? [0, 0, 0];
        return [all[0] + hypothesis, all[1] + reference, all[2] + common] as const;
      },
      [0, 0, 0] as readonly [number, number, number],
    ),
  );
  const signature = [
    `nrefs:${references}`,
    `case:${lowercase ? "lc" : "mixed"}`,
    "eff:yes",
    `nc:${characterOrder}`,
    `nw:${wordOrder}`,
    `space:${whitespace ? "yes" : "no"}`,
    ...(beta === 2 ? [] : [`beta:${beta}`]),
  ].join("|");
  return { score: fScore(sums, beta), signature };
}

/** F-score of precision and recall, each averaged over the orders that occur in both. */
function fScore(rows: ChrfStatistics, beta: number): number {
  let precision = 0;
  let recall = 0;
  let orders = 0;
  for (const [hypothesis, reference, common] of rows) {
    if (hypothesis === 0 || reference === 0) continue;
    precision += common / hypothesis;
    recall += common / reference;
    orders++;
  }
  if (precision + recall === 0) return 0;
  precision /= orders;
  recall /= orders;
  return (100 * (1 + beta ** 2) * precision * recall) / (beta ** 2 * precision + recall);
}

function unitsOf(text: string, options: ChrfOptions): { list: string[]; order: number }[] {
  const { characterOrder = 6, wordOrder = 0, lowercase = false, whitespace = false } = options;
  const source = lowercase ? text.toLowerCase() : text;
  const characters = [...(whitespace ? source : splitSpace(source).join(""))];
  const words = wordOrder > 0 ? separatePunctuation(source) : [];
  return [
    ...Array.from({ length: characterOrder }, (_, i) => ({ list: characters, order: i + 1 })),
    ...Array.from({ length: wordOrder }, (_, i) => ({ list: words, order: i + 1 })),
  ];
}

const punctuation = new Set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~");

/** Words with one ASCII punctuation mark split off: the last, or else the first. */
function separatePunctuation(text: string): string[] {
  return splitSpace(text).flatMap((word) => {
    const letters = [...word];
    if (letters.length === 1) return [word];
    if (punctuation.has(letters.at(-1) as string)) return [letters.slice(0, -1).join(""), letters.at(-1) as string];
    if (punctuation.has(letters[0] as string)) return [letters[0] as string, letters.slice(1).join("")];
    return [word];
  });
}
