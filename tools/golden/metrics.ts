/** Metrics against sacreBLEU and scikit-learn: metrics.json. An error is relative to the recorded value. */
import { readFileSync } from "node:fs";
import {
  accuracy,
  type BleuSmoothing,
  type BleuTokenizer,
  bleu,
  chrf,
  cohenKappa,
  confusionMatrix,
  logLoss,
  matthewsCorrelation,
  precisionRecallF1,
  rocAucOneVersusRest,
  sentenceBleu,
  ter,
} from "../../src/evaluation/index.ts";
import { CongError } from "../../src/support/index.ts";
import type { Quantity } from "./quantity.ts";

const tolerance = 1e-9;

interface Texts {
  /** One list of all texts per reference. */
  readonly ref: readonly (readonly string[])[];
  readonly hyp: readonly string[];
}

interface Score {
  readonly metric: string;
  readonly lang: string;
  readonly score: number;
  readonly tokenize: BleuTokenizer;
  readonly smooth: BleuSmoothing;
  readonly precisions: readonly number[];
  readonly bp: number;
  readonly word_order: number;
}

interface Classification {
  readonly y: readonly number[];
  readonly pred: readonly number[];
  readonly proba: readonly (readonly number[])[];
  readonly confusion: readonly (readonly number[])[];
  readonly [score: string]: unknown;
}

interface Golden {
  readonly scores: readonly Score[];
  readonly classification: Classification;
  readonly [name: string]: unknown;
}

export function* checkMetrics(path: string): Iterable<Quantity> {
  const golden = JSON.parse(readFileSync(path, "utf8")) as Golden;
  for (const entry of golden.scores) yield textScore(entry, golden[entry.lang] as Texts);
  for (const [name, wanted] of Object.entries(golden)) {
    const lang = /^sentence_bleu_(.+)$/.exec(name)?.[1];
    if (lang !== undefined) yield sentenceScores(name, lang, golden[lang] as Texts, wanted as number[]);
  }
  yield* classificationScores(golden.classification);
}

const compare = (name: string, got: readonly number[], wanted: readonly number[]): Quantity => {
  const each = wanted.map((value, i) => Math.abs(got[i]! - value) / (Math.abs(value) || 1));
  const error = got.length === wanted.length ? Math.max(...each) : Number.POSITIVE_INFINITY;
  return { name, error, tolerance };
};

/** The references of each text. */
const perText = ({ hyp, ref }: Texts): string[][] => hyp.map((_, i) => ref.map((list) => list[i]!));

function textScore(entry: Score, texts: Texts): Quantity {
  const { metric, lang, tokenize: tokenizer, smooth: smoothing } = entry;
  const references = perText(texts);
  if (metric === "bleu") {
    const got = bleu(texts.hyp, references, { tokenizer, smoothing });
    const wanted = [entry.score, entry.bp, ...entry.precisions];
    return compare(
      `BLEU ${lang} ${tokenizer} ${smoothing}`,
      [got.score, got.brevityPenalty, ...got.precisions],
      wanted,
    );
  }
  if (metric === "chrf") {
    const { score } = chrf(texts.hyp, references, { wordOrder: entry.word_order });
    return compare(`chrF ${lang}, word order ${entry.word_order}`, [score], [entry.score]);
  }
  if (metric === "ter") {
    return compare(`TER ${lang}`, [ter(texts.hyp, references, { asian: lang === "zh" }).score], [entry.score]);
  }
  throw unknown(metric);
}

function sentenceScores(name: string, lang: string, texts: Texts, wanted: readonly number[]): Quantity {
  const tokenizer = lang === "zh" ? "zh" : "13a";
  const got = perText(texts).map((references, i) => sentenceBleu(texts.hyp[i]!, references, { tokenizer }).score);
  return compare(name, got, wanted);
}

function* classificationScores({ y, pred, proba, ...wanted }: Classification): Iterable<Quantity> {
  const report = precisionRecallF1(y, pred);
  const of = ({ precision, recall, f1 }: (typeof report)["micro"]) => [precision, recall, f1];
  const got: Readonly<Record<string, readonly number[]>> = {
    accuracy: [accuracy(y, pred)],
    confusion: confusionMatrix(y, pred).counts.flat(),
    mcc: [matthewsCorrelation(y, pred)],
    kappa: [cohenKappa(y, pred)],
    logloss: [logLoss(y, proba)],
    auc_ovr_macro: [rocAucOneVersusRest(y, proba)],
    micro: of(report.micro),
    macro: of(report.macro),
    weighted: of(report.weighted),
  };
  for (const [name, value] of Object.entries(wanted)) {
    if (got[name] === undefined) throw unknown(name);
    // A confusion matrix is a list of rows; scikit-learn ends precision, recall and F1 with a null.
    const numbers = [value].flat(2).filter((each) => each !== null) as number[];
    yield compare(name, got[name], numbers);
  }
}

const unknown = (name: string): CongError =>
  new CongError("UNKNOWN_NAME", `the file records "${name}", which nothing compares`, { name }, "add it here");
