/**
 * BLEU (Papineni et al. 2002) with sacreBLEU's tokenizers and smoothings; scores from 0 to 100 equal sacreBLEU 2.
 * Smoothings: Chen and Cherry 2014, methods 1 (floor), 2 (add-k), 3 (exp).
 */
import { checkInteger, checkOneOf } from "../../support/index.ts";
import { checkReferences, checkTexts, referenceCount } from "./arguments.ts";
import { countNgrams, largestCounts, ngramTotal, overlap } from "./ngrams.ts";
import { type BleuTokenizer, bleuTokens } from "./text-units.ts";

export type BleuSmoothing = "exp" | "floor" | "add-k" | "none";

export interface BleuOptions {
  /** Default "13a"; use "zh" for Chinese. */
  readonly tokenizer?: BleuTokenizer;
  /** What replaces a precision of 0. Default "exp". */
  readonly smoothing?: BleuSmoothing;
  /** Default 0.1 for floor, 1 for add-k. */
  readonly smoothingValue?: number;
  readonly lowercase?: boolean;
  /** Longest n-gram. Default 4. */
  readonly maxOrder?: number;
  /** Leave out orders longer than the text. Default false for corpora, true for single texts, as in sacreBLEU. */
  readonly effectiveOrder?: boolean;
}

export interface BleuScore {
  readonly score: number;
  /** Per order, in percent, after smoothing. */
  readonly precisions: readonly number[];
  readonly brevityPenalty: number;
  readonly hypothesisLength: number;
  readonly referenceLength: number;
  readonly signature: string;
}

/** Counts of one text: lengths, then per order the matching and all n-grams. Sums over texts give the corpus score. */
export interface BleuStatistics {
  readonly hypothesisLength: number;
  readonly referenceLength: number;
  readonly correct: readonly number[];
  readonly total: readonly number[];
}

const defaultValues: Readonly<Record<BleuSmoothing, number>> = { exp: 0, floor: 0.1, "add-k": 1, none: 0 };
/** sacreBLEU's logarithm of 0, which makes the product vanish. */
const logOfZero = -9_999_999_999;

/** `references[i]` are the reference texts of `hypotheses[i]`. */
export function bleu(
  hypotheses: readonly string[],
  references: readonly (readonly string[])[],
  options: BleuOptions = {},
): BleuScore {
  const present = checkTexts("bleu", hypotheses, references);
  const statistics = hypotheses.map((text, i) => bleuStatistics(text, present[i] as readonly string[], options));
  return bleuFromStatistics(statistics, options, referenceCount(present));
}

/** BLEU of one text, with effective order unless told otherwise. */
export function sentenceBleu(hypothesis: string, references: readonly string[], options: BleuOptions = {}): BleuScore {
  return bleu([hypothesis], [references], { effectiveOrder: true, ...options });
}

/** The counts of one text; the reference length is that of the reference nearest in length, the shorter one in a tie. */
export function bleuStatistics(
  hypothesis: string,
  references: readonly string[],
  options: BleuOptions = {},
): BleuStatistics {
  checkReferences("bleu", references);
  const { tokenizer = "13a", lowercase = false, maxOrder = 4 } = options;
  checkInteger("bleu", { maxOrder }, { min: 1 });
  const tokens = bleuTokens(hypothesis, tokenizer, lowercase);
  const referenceTokens = references.map((text) => bleuTokens(text, tokenizer, lowercase));
  const orders = Array.from({ length: maxOrder }, (_, i) => i + 1);
  const lengths = referenceTokens.map((list) => list.length);
  return {
    hypothesisLength: tokens.length,
    referenceLength: lengths.reduce((best, length) => {
      const [difference, bestDifference] = [Math.abs(length - tokens.length), Math.abs(best - tokens.length)];
      return difference < bestDifference || (difference === bestDifference && length < best) ? length : best;
    }),
    correct: orders.map((order) =>
      overlap(countNgrams(tokens, order), largestCounts(referenceTokens.map((list) => countNgrams(list, order)))),
    ),
    total: orders.map((order) => ngramTotal(tokens.length, order)),
  };
}

/** The score of a corpus from the counts of its texts; for bootstrap and significance tests. */
export function bleuFromStatistics(
  statistics: readonly BleuStatistics[],
  options: BleuOptions = {},
  references = "1",
): BleuScore {
  const { tokenizer = "13a", smoothing = "exp", lowercase = false, maxOrder = 4, effectiveOrder = false } = options;
  checkOneOf("bleu", { smoothing }, Object.keys(defaultValues));
  const value = options.smoothingValue ?? defaultValues[smoothing];
  const sum = (read: (row: BleuStatistics) => number) => statistics.reduce((all, row) => all + read(row), 0);
  const hypothesisLength = sum((row) => row.hypothesisLength);
  const referenceLength = sum((row) => row.referenceLength);
  const correct = Array.from({ length: maxOrder }, (_, n) => sum((row) => row.correct[n] ?? 0));
  const total = Array.from({ length: maxOrder }, (_, n) => sum((row) => row.total[n] ?? 0));
  const shown = {
    "add-k": `add-k[${value.toFixed(2)}]`,
    floor: `floor[${value.toFixed(2)}]`,
    exp: "exp",
    none: "none",
  };
  const signature = [
    `nrefs:${references}`,
    `case:${lowercase ? "lc" : "mixed"}`,
    `eff:${effectiveOrder ? "yes" : "no"}`,
    `tok:${tokenizer}`,
    `smooth:${shown[smoothing]}`,
    ...(maxOrder === 4 ? [] : [`order:${maxOrder}`]),
  ].join("|");
  const brevityPenalty =
    hypothesisLength >= referenceLength
      ? 1
      : hypothesisLength > 0
        ? Math.exp(1 - referenceLength / hypothesisLength)
        : 0;
  const precisions = new Array<number>(maxOrder).fill(0);
  const result = { precisions, brevityPenalty, hypothesisLength, referenceLength, signature };
  if (correct.every((count) => count === 0)) return { score: 0, ...result };

  let halving = 1;
  let orders = maxOrder;
  for (let n = 0; n < maxOrder; n++) {
    const added = smoothing === "add-k" && n > 0 ? value : 0;
    const matches = correct[n]! + added;
    const all = total[n]! + added;
    if (all === 0) break;
    if (effectiveOrder) orders = n + 1;
    if (matches > 0) precisions[n] = (100 * matches) / all;
    else if (smoothing === "exp") {
      halving *= 2;
      precisions[n] = 100 / (halving * all);
    } else if (smoothing === "floor") precisions[n] = (100 * value) / all;
  }
  const logs = precisions.slice(0, orders).map((precision) => (precision === 0 ? logOfZero : Math.log(precision)));
  return { score: brevityPenalty * Math.exp(logs.reduce((a, b) => a + b, 0) / orders), ...result };
}
