/** Exact match of answers, as they are or after SQuAD's normalisation (Rajpurkar et al. 2016), and its token F1. */
import { checkOneOf } from "../../support/index.ts";
import { checkTexts, referenceCount } from "./arguments.ts";
import { countNgrams, overlap } from "./ngrams.ts";
import { splitSpace, stripSpace } from "./text-units.ts";

export type AnswerNormalization = "none" | "trim" | "squad";

export interface ExactMatchScore {
  /** Share of texts that equal one of their references, from 0 to 1. */
  readonly score: number;
  readonly signature: string;
}

/** `references[i]` are the accepted answers for `hypotheses[i]`. Default: white space at the ends does not count. */
export function exactMatch(
  hypotheses: readonly string[],
  references: readonly (readonly string[])[],
  normalization: AnswerNormalization = "trim",
): ExactMatchScore {
  const present = checkTexts("exactMatch", hypotheses, references);
  const hits = hypotheses.filter((text, i) => {
    const answer = normalizeAnswer(text, normalization);
    return present[i]!.some((other) => normalizeAnswer(other, normalization) === answer);
  });
  return {
    score: hits.length / hypotheses.length,
    signature: `nrefs:${referenceCount(present)}|norm:${normalization}`,
  };
}

/** Mean F1 of the words that answer and reference share; the best reference counts. */
export function answerF1(hypotheses: readonly string[], references: readonly (readonly string[])[]): number {
  const present = checkTexts("answerF1", hypotheses, references);
  const scores = hypotheses.map((text, i) => Math.max(...present[i]!.map((other) => wordF1(text, other))));
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

function wordF1(a: string, b: string): number {
  const [mine, other] = [a, b].map((text) => splitSpace(normalizeAnswer(text, "squad"))) as [string[], string[]];
  if (mine.length === 0 || other.length === 0) return mine.length === other.length ? 1 : 0;
  return (2 * overlap(countNgrams(mine, 1), countNgrams(other, 1))) / (mine.length + other.length);
}

/** Between Python's word borders, which know all letters: with JavaScript's \b the choice "选A" would lose its letter. */
const article = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;

/** `squad`: lower case, without ASCII punctuation, the articles a, an, the, and surplus white space. */
export function normalizeAnswer(text: string, normalization: AnswerNormalization): string {
  checkOneOf("normalizeAnswer", { normalization }, ["none", "trim", "squad"]);
  if (normalization === "none") return text;
  if (normalization === "trim") return stripSpace(text);
  const bare = text.toLowerCase().replace(/[!-/:-@[-`{-~]/g, "");
  return splitSpace(bare.replace(article, " ")).join(" ");
}
