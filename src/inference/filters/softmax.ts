/** Softmax of one row of scores on the host, in float64. */

/** The largest of the scores; −∞ for none. */
export function largest(scores: ArrayLike<number>): number {
  let found = -Infinity;
  for (let i = 0; i < scores.length; i++) if (scores[i]! > found) found = scores[i]!;
  return found;
}

/** exp(score − largest score) of every token, and their sum. Divide by the sum for probabilities. */
export function exponentials(scores: ArrayLike<number>): { readonly weights: Float64Array; readonly sum: number } {
  const top = largest(scores);
  const weights = new Float64Array(scores.length);
  let sum = 0;
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!;
    if (score === -Infinity) continue; // exp gives 0, slowly
    sum += weights[i] = Math.exp(score - top);
  }
  return { weights, sum };
}

/** ln Σ exp(score): a token's log-probability is its score less this. */
export function logSumOfExponentials(scores: ArrayLike<number>): number {
  const top = largest(scores);
  if (top === -Infinity) return -Infinity;
  let sum = 0;
  for (let i = 0; i < scores.length; i++) sum += Math.exp(scores[i]! - top);
  return top + Math.log(sum);
}
