/**
 * ROUGE-N and ROUGE-L (Lin 2004): n-grams, or the longest common subsequence, that text and reference share. From 0 to 1.
 * Without stemming, at sentence level. Chinese is scored by characters, or by words of a segmenter that is passed in.
 */
import { checkRange, unknownName } from "../../support/index.ts";
import { checkReferences, checkTexts, referenceCount } from "./arguments.ts";
import { countNgrams, ngramTotal, overlap } from "./ngrams.ts";

/**
 * What is counted. `character`: every character but white space. `word`: lower-case runs of letters and digits, and each
 * Chinese or Japanese character by itself. Or a segmenter, whose name goes into the signature.
 */
export type RougeUnit = "character" | "word" | { readonly name: string; readonly split: (text: string) => string[] };

export interface RougeOptions {
  /** Default "word". */
  readonly unit?: RougeUnit;
  /** Weight of recall in the F-score. Default 1: both alike. */
  readonly beta?: number;
}

export interface RougeScore {
  readonly precision: number;
  readonly recall: number;
  readonly f: number;
}

export interface RougeScores {
  readonly rouge1: RougeScore;
  readonly rouge2: RougeScore;
  readonly rougeL: RougeScore;
  readonly signature: string;
}

/** Means over texts. `references[i]` are the references of `hypotheses[i]`; per text, the one with the highest F counts. */
export function rouge(
  hypotheses: readonly string[],
  references: readonly (readonly string[])[],
  options: RougeOptions = {},
): RougeScores {
  const present = checkTexts("rouge", hypotheses, references);
  const { unit = "word", beta = 1 } = options;
  checkRange("rouge", { beta }, { min: 0 });
  const rows = hypotheses.map((text, i) => sentenceRouge(text, present[i] as readonly string[], options));
  const mean = (read: (row: (typeof rows)[number]) => RougeScore): RougeScore => {
    const scores = rows.map(read);
    const average = (field: keyof RougeScore) => scores.reduce((sum, score) => sum + score[field], 0) / scores.length;
    return { precision: average("precision"), recall: average("recall"), f: average("f") };
  };
  return {
    rouge1: mean((row) => row.rouge1),
    rouge2: mean((row) => row.rouge2),
    rougeL: mean((row) => row.rougeL),
    signature: `nrefs:${referenceCount(present)}|unit:${typeof unit === "string" ? unit : unit.name}|beta:${beta}|stem:no`,
  };
}

/** The three scores of one text. */
export function sentenceRouge(
  hypothesis: string,
  references: readonly string[],
  options: RougeOptions = {},
): Omit<RougeScores, "signature"> {
  checkReferences("rouge", references);
  const { unit = "word", beta = 1 } = options;
  const units = rougeUnits(hypothesis, unit);
  const best = (score: (other: readonly string[]) => RougeScore) =>
    references.map((text) => score(rougeUnits(text, unit))).reduce((a, b) => (b.f > a.f ? b : a));
  const ngrams = (order: number) => (other: readonly string[]) =>
    scoreOf(
      overlap(countNgrams(units, order), countNgrams(other, order)),
      ngramTotal(units.length, order),
      ngramTotal(other.length, order),
      beta,
    );
  return {
    rouge1: best(ngrams(1)),
    rouge2: best(ngrams(2)),
    rougeL: best((other) => scoreOf(longestCommonSubsequence(units, other), units.length, other.length, beta)),
  };
}

/** Throws `UNKNOWN_NAME` for another unit's name. */
export function rougeUnits(text: string, unit: RougeUnit): string[] {
  if (unit === "character") return [...text].filter((letter) => letter.trim() !== "");
  if (unit === "word") {
    return (
      text
        .toLowerCase()
        .match(
          /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}])[\p{L}\p{N}\p{M}])+/gu,
        ) ?? []
    );
  }
  // A text has a method of this name too, which would cut at other places.
  if (typeof unit === "string") throw unknownName("ROUGE unit", unit, ["character", "word"]);
  return unit.split(text);
}

function scoreOf(common: number, mine: number, reference: number, beta: number): RougeScore {
  const precision = mine > 0 ? common / mine : 0;
  const recall = reference > 0 ? common / reference : 0;
  const weighted = beta ** 2 * precision + recall;
  return { precision, recall, f: weighted > 0 ? ((1 + beta ** 2) * precision * recall) / weighted : 0 };
}

/** Length of the longest sequence that occurs in both in this order, gaps allowed. Time is the product of the lengths. */
export function longestCommonSubsequence(a: readonly string[], b: readonly string[]): number {
  let row = new Uint32Array(b.length + 1);
  for (const unit of a) {
    const next = new Uint32Array(b.length + 1);
    for (let j = 1; j <= b.length; j++) {
      next[j] = unit === b[j - 1] ? row[j - 1]! + 1 : Math.max(row[j]!, next[j - 1]!);
    }
    row = next;
  }
  return row[b.length]!;
}
