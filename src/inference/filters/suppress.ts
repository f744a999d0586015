/** Tokens that must not come: unused rows above the tokenizer's vocabulary, and end tokens while the answer is too short. */
import { checkInteger } from "../../support/checks.ts";
import type { Filter } from "./filter.ts";

/**
 * Forbids all ids from `first` on. Embeddings have more rows than the tokenizer has tokens (ChatGLM3: ids from 64798 on,
 * GLM-4-9B: from 151343 on), and nothing keeps a model from sampling them.
 */
export function suppressFrom(first: number): Filter {
  checkInteger("suppressFrom", { first }, { min: 1 });
  return (scores) => {
    scores.fill(-Infinity, Math.min(first, scores.length));
  };
}

/** Forbids these ids. */
export const suppressIds =
  (ids: Iterable<number>): Filter =>
  (scores) => {
    for (const id of ids) scores[id] = -Infinity;
  };

/** Forbids the end tokens until the answer has `count` tokens. */
export function minimumNewTokens(count: number, endIds: readonly number[]): Filter {
  checkInteger("minimumNewTokens", { count }, { min: 0 });
  return (scores, { ids, promptLength }) => {
    if (ids.length - promptLength < count) for (const id of endIds) scores[id] = -Infinity;
  };
}
