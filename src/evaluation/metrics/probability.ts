/** Scores of predicted probabilities: log loss, area under the ROC curve, calibration error, Brier score. */
import { CongError, checkInteger } from "../../support/index.ts";
import { checkPairs } from "./arguments.ts";

/** Probabilities this near to 0 and 1 are pulled in before the logarithm, as in scikit-learn: float64 epsilon. */
const epsilon = 2 ** -52;

/**
 * Mean negative log-probability of the true class, in nats. `probabilities[i][k]` is that of class k; rows sum to 1.
 *
 * @throws CongError `BAD_ARGUMENT` for rows that are no distribution and for classes that are no column
 */
export function logLoss(truth: readonly number[], probabilities: readonly (readonly number[])[]): number {
  checkRows("logLoss", truth, probabilities);
  const losses = truth.map((label, i) => {
    const probability = probabilities[i]![label] as number;
    return -Math.log(Math.min(1 - epsilon, Math.max(epsilon, probability)));
  });
  return mean(losses);
}

/**
 * Area under the ROC curve of a yes-or-no decision: the chance that a positive example scores above a negative one, ties
 * counting half (Mann and Whitney). Throws `BAD_ARGUMENT` unless both kinds occur.
 */
export function rocAuc(isPositive: readonly boolean[], scores: readonly number[]): number {
  checkPairs("rocAuc", ["labels", "scores"], isPositive, scores);
  const positives = isPositive.filter(Boolean).length;
  const negatives = isPositive.length - positives;
  if (positives === 0 || negatives === 0 || scores.some(Number.isNaN)) {
    throw new CongError(
      "BAD_ARGUMENT",
      `rocAuc: ${positives} positive and ${negatives} negative examples${scores.some(Number.isNaN) ? ", NaN among the scores" : ""}`,
      { positives, negatives },
      "the area needs examples of both kinds, each with a number as its score",
    );
  }
  const order = scores.map((_, i) => i).sort((a, b) => scores[a]! - scores[b]!);
  let rankSum = 0;
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && scores[order[to]!] === scores[order[from]!]) to++;
    const rank = (from + 1 + to) / 2;
    for (let i = from; i < to; i++) if (isPositive[order[i]!]) rankSum += rank;
    from = to;
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/** One class against the rest, averaged over classes: plainly (`macro`) or by how often each is true (`weighted`). */
export function rocAucOneVersusRest(
  truth: readonly number[],
  probabilities: readonly (readonly number[])[],
  average: "macro" | "weighted" = "macro",
): number {
  checkRows("rocAucOneVersusRest", truth, probabilities);
  const classes = probabilities[0]!.map((_, k) => k);
  const areas = classes.map((k) =>
    rocAuc(
      truth.map((label) => label === k),
      probabilities.map((row) => row[k] as number),
    ),
  );
  if (average === "macro") return mean(areas);
  return areas.reduce((sum, area, k) => sum + area * truth.filter((label) => label === k).length, 0) / truth.length;
}

export interface CalibrationBin {
  readonly count: number;
  readonly confidence: number;
  readonly accuracy: number;
}

export interface Calibration {
  /** Mean over bins of |accuracy − confidence|, weighted by their counts (Guo et al. 2017). */
  readonly expectedError: number;
  readonly maximumError: number;
  readonly bins: readonly CalibrationBin[];
  readonly signature: string;
}

/** How far confidence and accuracy part. Bins have equal width and include their upper end; the first also 0. Default 15. */
export function calibration(confidences: readonly number[], isRight: readonly boolean[], binCount = 15): Calibration {
  checkPairs("calibration", ["confidences", "outcomes"], confidences, isRight);
  checkInteger("calibration", { binCount }, { min: 1 });
  const sums = Array.from({ length: binCount }, () => ({ count: 0, confidence: 0, right: 0 }));
  for (const [i, confidence] of confidences.entries()) {
    if (!(confidence >= 0 && confidence <= 1)) {
      throw new CongError(
        "BAD_ARGUMENT",
        `calibration: the confidence ${confidence} at place ${i} is no probability`,
        { place: i, confidence },
        "confidences lie between 0 and 1",
      );
    }
    const bin = sums[Math.max(0, Math.ceil(confidence * binCount) - 1)]!;
    bin.count++;
    bin.confidence += confidence;
    if (isRight[i]) bin.right++;
  }
  const bins = sums.map(({ count, confidence, right }) => ({
    count,
    confidence: count === 0 ? 0 : confidence / count,
    accuracy: count === 0 ? 0 : right / count,
  }));
  const gaps = bins.map((bin) => Math.abs(bin.accuracy - bin.confidence));
  return {
    expectedError: gaps.reduce((sum, gap, i) => sum + gap * bins[i]!.count, 0) / confidences.length,
    maximumError: Math.max(...gaps),
    bins,
    signature: `bins:${binCount}|width:equal`,
  };
}

/** Mean squared distance between the probabilities and the truth, summed over classes (Brier 1950): from 0 to 2. */
export function brierScore(truth: readonly number[], probabilities: readonly (readonly number[])[]): number {
  checkRows("brierScore", truth, probabilities);
  return mean(
    truth.map((label, i) => probabilities[i]!.reduce((sum, value, k) => sum + (value - (k === label ? 1 : 0)) ** 2, 0)),
  );
}

function checkRows(metric: string, truth: readonly number[], rows: readonly (readonly number[])[]): void {
  checkPairs(metric, ["labels", "rows of probabilities"], truth, rows);
  const classes = rows[0]!.length;
  for (const [i, row] of rows.entries()) {
    const total = row.reduce((sum, value) => sum + value, 0);
    const label = truth[i]!;
    const isDistribution = row.length === classes && row.every((value) => value >= 0) && Math.abs(total - 1) < 1e-5;
    if (isDistribution && Number.isInteger(label) && label >= 0 && label < classes) continue;
    throw new CongError(
      "BAD_ARGUMENT",
      `${metric}: row ${i} has ${row.length} values with sum ${total}, its label is ${label}`,
      { metric, row: i, sum: total, label },
      `every row needs ${classes} probabilities that sum to 1, and a label from 0 to ${classes - 1}`,
    );
  }
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
