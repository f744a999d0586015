/** Every entry of the recorded scores: sacreBLEU's BLEU, chrF and TER, scikit-learn's classification scores. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
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

const file = new URL("../../../shared/golden/metrics.json", import.meta.url);

interface Texts {
  /** As sacreBLEU wants them: one list of all texts per reference. */
  readonly ref: readonly (readonly string[])[];
  readonly hyp: readonly string[];
}
interface Entry {
  readonly metric: string;
  readonly lang: "zh" | "en";
  readonly score: number;
  readonly tokenize: BleuTokenizer;
  readonly smooth: BleuSmoothing;
  readonly precisions: readonly number[];
  readonly bp: number;
  readonly sys_len: number;
  readonly ref_len: number;
  readonly word_order: number;
}
interface Golden {
  readonly zh: Texts;
  readonly en: Texts;
  readonly scores: readonly Entry[];
  readonly sentence_bleu_zh: readonly number[];
  readonly sentence_bleu_en: readonly number[];
  readonly classification: {
    readonly y: readonly number[];
    readonly pred: readonly number[];
    readonly proba: readonly (readonly number[])[];
    readonly accuracy: number;
    readonly confusion: readonly (readonly number[])[];
    readonly mcc: number;
    readonly kappa: number;
    readonly logloss: number;
    readonly auc_ovr_macro: number;
    readonly micro: readonly number[];
    readonly macro: readonly number[];
    readonly weighted: readonly number[];
  };
}

function expectNear(got: number, wanted: number): void {
  expect(Math.abs(got - wanted), `${got} instead of ${wanted}`).toBeLessThanOrEqual(1e-9 * Math.abs(wanted));
}

describe.skipIf(!existsSync(file))("recorded scores", () => {
  const golden: Golden = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { scores: [] };
  const perText = (texts: Texts) => texts.hyp.map((_, i) => texts.ref.map((list) => list[i] as string));

  test.each(
    golden.scores.map(
      (entry) =>
        [
          `${entry.metric} ${entry.lang} ${entry.tokenize ?? ""} ${entry.smooth ?? ""} ${entry.word_order ?? ""}`,
          entry,
        ] as const,
    ),
  )("%s", (_, entry) => {
    const texts = golden[entry.lang];
    const references = perText(texts);
    if (entry.metric === "bleu") {
      const got = bleu(texts.hyp, references, { tokenizer: entry.tokenize, smoothing: entry.smooth });
      expectNear(got.score, entry.score);
      expectNear(got.brevityPenalty, entry.bp);
      expect([got.hypothesisLength, got.referenceLength]).toEqual([entry.sys_len, entry.ref_len]);
      expect(got.precisions).toHaveLength(entry.precisions.length);
      for (const [i, precision] of entry.precisions.entries()) expectNear(got.precisions[i]!, precision);
    } else if (entry.metric === "chrf") {
      expectNear(chrf(texts.hyp, references, { wordOrder: entry.word_order }).score, entry.score);
    } else {
      expect(entry.metric).toBe("ter");
      expectNear(ter(texts.hyp, references, { asian: entry.lang === "zh" }).score, entry.score);
    }
  });

  test.each(["zh", "en"] as const)("sentence BLEU %s", (lang) => {
    const texts = golden[lang];
    const wanted = golden[`sentence_bleu_${lang}`];
    for (const [i, references] of perText(texts).entries()) {
      const got = sentenceBleu(texts.hyp[i]!, references, { tokenizer: lang === "zh" ? "zh" : "13a" });
      expectNear(got.score, wanted[i]!);
    }
  });

  test("classification", () => {
    const { y, pred, proba, ...wanted } = golden.classification;
    expectNear(accuracy(y, pred), wanted.accuracy);
    expect(confusionMatrix(y, pred).counts).toEqual(wanted.confusion);
    expectNear(matthewsCorrelation(y, pred), wanted.mcc);
    expectNear(cohenKappa(y, pred), wanted.kappa);
    expectNear(logLoss(y, proba), wanted.logloss);
    expectNear(rocAucOneVersusRest(y, proba), wanted.auc_ovr_macro);
    const report = precisionRecallF1(y, pred);
    for (const average of ["micro", "macro", "weighted"] as const) {
      const { precision, recall, f1 } = report[average];
      for (const [i, value] of [precision, recall, f1].entries()) expectNear(value, wanted[average][i]!);
    }
  });
});
