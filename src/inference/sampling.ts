/** Choosing the next token from filtered scores: the likeliest, or one drawn by probability. */
import { CongError } from "../support/errors.ts";
import type { Random } from "../support/random.ts";
import { exponentials } from "./filters/index.ts";

/** The token with the highest score; of equals the smallest id. */
export function likeliest(scores: Float32Array): number {
  let best = -1;
  let top = -Infinity;
  for (let id = 0; id < scores.length; id++) {
    const score = scores[id]!;
    if (score > top) {
      best = id;
      top = score;
    } else if (Number.isNaN(score)) throw notANumber(id);
  }
  if (best < 0) throw nothingLeft();
  return best;
}

/** A token drawn with probability softmax(scores); uses one number of the generator. */
export function sample(scores: Float32Array, random: Random): number {
  const { weights, sum } = exponentials(scores);
  if (Number.isNaN(sum)) throw notANumber(scores.findIndex(Number.isNaN));
  if (!(sum > 0)) throw nothingLeft();
  let left = random.uniform() * sum;
  let last = -1;
  for (let id = 0; id < weights.length; id++) {
    if (weights[id] === 0) continue;
    last = id; // rounding may leave a rest after the last token: it is then the one
    left -= weights[id]!;
    if (left < 0) break;
  }
  return last;
}

const notANumber = (id: number): CongError =>
  new CongError(
    "NOT_A_NUMBER",
    `the model's score for token ${id} is not a number`,
    { id },
    "the weights are damaged or overflow; check them for NaN, and load float16 weights as float32",
  );

export const nothingLeft = (): CongError =>
  new CongError(
    "NO_TOKEN_LEFT",
    "every token of the vocabulary is forbidden, so none can be chosen",
    {},
    "loosen logitBias, suppressIds, noRepeatNgramSize or minNewTokens",
  );
