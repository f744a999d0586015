/** Log-probabilities that the model itself gives, before any filter changes them. */
import { logSumOfExponentials } from "./filters/index.ts";
import { kthLargest } from "./filters/selection.ts";

export interface TokenLogProbability {
  readonly id: number;
  /** Natural logarithm; −∞ for a forbidden token. */
  readonly logProbability: number;
}

/** ln softmax(scores) of one token. */
export const logProbabilityOf = (scores: Float32Array, id: number): number =>
  scores[id]! - logSumOfExponentials(scores);

/** The `count` likeliest tokens, likeliest first; of equals the smaller id first. */
export function likeliestTokens(scores: Float32Array, count: number): TokenLogProbability[] {
  if (count === 0) return [];
  const total = logSumOfExponentials(scores);
  const limit = count >= scores.length ? -Infinity : kthLargest(scores.slice(), count);
  const found: number[] = [];
  for (let id = 0; id < scores.length; id++) if (scores[id]! >= limit) found.push(id);
  return found
    .sort((a, b) => scores[b]! - scores[a]! || a - b)
    .slice(0, count)
    .map((id) => ({ id, logProbability: scores[id]! - total }));
}
